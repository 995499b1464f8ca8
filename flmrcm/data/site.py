"""One institution as Lightning sees it: loaders, and the one function that makes batches."""

from collections.abc import Iterator, Sequence
from copy import copy
from functools import cache, partial
from hashlib import blake2b
from typing import Any

import torch
from pytorch_lightning import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader

from flmrcm.data.coil_maps import SplitSlices
from flmrcm.data.loading import Loading
from flmrcm.data.mask_checks import check_mask, warn_of_easy_masks
from flmrcm.data.order import BatchIndices, BatchOrder, batch_repeated, draw_target_order
from flmrcm.data.slices import RawBatch, Slices
from flmrcm.data.source import SPLITS, Source
from flmrcm.data.transforms import choose_crop_size, crop_mask, prepare_images
from flmrcm.errors import DataLayoutError
from flmrcm.mri.acquisition import Cartesian, stack_masks
from flmrcm.mri.masks import Sampling, Shape
from flmrcm.seeding import seed_for
from flmrcm.types import Batch


class Site(LightningDataModule):
    """One client of the federation.

    Args:
        name: unique in the federation.
        sources: the institutions whose data it holds; one, except where data are pooled.
        loading: how slices become batches.
    """

    def __init__(self, name: str, sources: Sequence[Source], loading: Loading) -> None:
        super().__init__()
        self.name: str = name  # pyright: ignore[reportIncompatibleVariableOverride]
        self.sources, self.loading = list(sources), loading
        self._masks = {source.name: source.mask for source in sources}
        self._test_split = "test"

    @property
    def loading(self) -> Loading:
        """How slices become batches; a site given another way lists its slices anew."""
        return self._loading

    @loading.setter
    def loading(self, loading: Loading) -> None:
        self._loading, self.slices = loading, cache(self._collect_slices)

    @property
    def label(self) -> str:
        """How tables call the site."""
        own = self.sources[0].label
        return own if own and len(self.sources) == 1 else self.name

    @property
    def n_examples(self) -> int:
        """Training slices; 0 where the site is only tested on."""
        return len(self.slices("train")) if self.has("train") else 0

    @property
    def n_batches(self) -> int:
        """Training batches in one pass."""
        sizes = self.slices("train").sizes
        return len(BatchOrder(sizes, self.loading.batch_size, ("count",)))

    @property
    def reads_masks(self) -> bool:
        """Whether files' own masks are used."""
        return any(mask.from_file for mask in self._masks.values())

    def has(self, split: str) -> bool:
        """Tell whether any of its sources has volumes in the split."""
        return any(source.has(split) for source in self.sources)

    def list_volumes(self, split: str, scored: bool) -> list[str]:
        """Return `site/volume` of a split's volumes with a target, or without; sorted."""
        volumes = (volume for volume, _ in self.slices(split).examples)
        return sorted({f"{v.site}/{v.name}" for v in volumes if (v.target_key is None) != scored})

    def ensure(self) -> None:
        """Make data that are generated and still missing."""
        for source in self.sources:
            source.ensure()

    def list_image_sizes(self, split: str) -> set[tuple[int, int]]:
        """Return the (height, width) of the images a model will see."""
        return {
            choose_crop_size(self.loading.resolution, volume.shape[2:], volume.image_shape)
            for volume, _ in self.slices(split).examples
        }

    def check_masks(self, split: str) -> None:
        """Refuse volumes that their mask doesn't fit, and say where one makes the task too easy.

        Raises:
            DataLayoutError: names the volume.
        """
        volumes = list(dict.fromkeys(volume for volume, _ in self.slices(split).examples))
        for volume in volumes:
            check_mask(volume, self._masks[volume.site], self.loading.needs_center)
        warn_of_easy_masks(volumes, self._masks, f"site {self.name}, split '{split}'")

    def prepare_maps(self, split: str) -> None:
        """Check a split's coil maps, and compute those that take long, before any are needed.

        Raises:
            DataLayoutError: names the volume, and what its maps lack.
        """
        about, masks = f"{self.name} {split}", repr(sorted(self._masks.items()))
        slices = self.slices(split)
        measure = partial(self._measure, split, slices)
        self.loading.maps.prepare(SplitSlices(about, masks, slices.examples, measure))

    def n_bytes(self, split: str) -> int:
        """Return the memory that keeping a split's slices takes."""
        return self.slices(split).n_bytes

    def fingerprint(self) -> str:
        """Return 16 hex digits that change with the volumes, their sizes, slices or masks."""
        digest = blake2b(digest_size=8)
        for split in filter(self.has, SPLITS):
            for volume, index in self.slices(split).examples:
                turned = "turned" * volume.is_turned
                name = f"{split}/{volume.site}/{volume.name}{volume.shape}{turned}{index}"
                digest.update((name + volume.own_mask).encode())
        digest.update(repr(sorted(self._masks.items())).encode())
        return digest.hexdigest()

    def train_dataloader(self) -> DataLoader[RawBatch]:
        """Return the training batches in an order that depends on the run's seed and the pass."""
        return self._make_loader("train", ("train", self.loading.seed, self.name))

    def val_dataloader(self) -> DataLoader[RawBatch]:
        """Return the validation batches in file order."""
        return self._make_loader("val", None)

    def test_dataloader(self) -> DataLoader[RawBatch]:
        """Return the test batches in file order."""
        return self._make_loader(self._test_split, None)

    def with_test_split(self, split: str) -> "Site":
        """Return this site with another split in the place of its test split."""
        site = copy(self)
        site._test_split = split
        return site

    def dataloader(self, split: str) -> DataLoader[RawBatch]:
        """Return a split's batches in file order, the training split's too."""
        return self._make_loader(split, None)

    def target_batches(
        self, n_source: int, sampling: str, epoch: int, source: str
    ) -> Iterator[RawBatch]:
        """Return this site's training batches that accompany one pass over a source site's.

        Args:
            n_source: the source site's training slices.
            sampling: published | shuffled, see `target_order`.
            epoch: the pass, counted over the whole run.
            source: the source site's name.
        """
        slices = self.slices("train").load()
        seed = seed_for("companions", self.loading.seed, source)
        order = draw_target_order(sampling, len(slices), n_source, epoch, seed)
        for indices in batch_repeated(order, slices.sizes, self.loading.batch_size, epoch):
            yield slices[indices]

    def prepare_batch(self, raw: RawBatch, device: torch.device) -> Batch:
        """Masks, transforms and normalises on the device; the only way from disk to a network."""
        raw, seeds = raw.copy_to(device), raw.find_seeds(self.loading.seed)
        if seeds is not None and self.loading.augmentation is not None:
            raw = self.loading.augmentation.move(raw, self.loading.resolution, seeds)
        samplings = [self._draw_mask(raw, i, seeds) for i in range(len(raw.volume))]
        mask = stack_masks([sampling.mask for sampling in samplings], device)
        acquired = None if raw.acquired is None else raw.acquired[:, None, None]
        if acquired is not None:
            mask = mask & acquired  # nothing was measured in padding
        acquisition = Cartesian(mask)
        # scores are taken against the true target; only training may see a clamped one
        clamp = self.loading.clamp_target and raw.epoch is not None
        prepared = prepare_images(
            raw.kspace, acquisition, raw.target, self.loading.resolution, clamp, raw.image_shape
        )
        batch = Batch(
            *prepared,
            mask=mask,
            volume=[f"{site}/{name}" for site, name in zip(raw.site, raw.volume, strict=True)],
            slice=raw.slice,
            kspace=acquisition.undersample(raw.kspace) if self.loading.needs_kspace else None,
            center=torch.tensor([sampling.center for sampling in samplings], device=device),
            peak=raw.peak,
            n_acquired=None if acquired is None else acquired.sum((1, 2, 3)),
            seeds=seeds,
            lesion=None
            if raw.lesion is None
            else crop_mask(raw.lesion, raw.kspace_shape, prepared.image),
        )
        return batch._replace(maps=self.loading.maps.find(batch, raw.maps))

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Batch:
        """Let Lightning's Trainer make batches the same way the local loop does."""
        return self.prepare_batch(batch, batch.kspace.device)

    def _draw_mask(self, raw: RawBatch, i: int, seeds: list[int] | None) -> Sampling:
        if (own := raw.samplings[i] if raw.samplings else None) is not None:
            return own
        site, volume = raw.site[i], raw.volume[i]
        mask, shape = self._masks[site], (raw.kspace.shape[-2], raw.kspace.shape[-1])
        return mask(shape, seeds[i] if seeds else mask.get_fixed_seed(site, volume))

    def _measure(self, split: str, slices: Slices, number: int) -> Iterator[tuple[Tensor, Shape]]:
        """Give a slice's undersampled k-space and its centre; see `coil_maps.SplitSlices`."""
        raw = slices[BatchIndices([number], None)]
        family, samplings = self._masks[raw.site[0]], [self._draw_mask(raw, 0, None)]
        if split == "train" and not family.from_file:
            samplings = family.draw_each((raw.kspace.shape[-2], raw.kspace.shape[-1]))
        acquired = torch.tensor(True) if raw.acquired is None else raw.acquired[0]
        for mask, center in samplings:
            yield Cartesian(mask & acquired).undersample(raw.kspace[0]), center

    def _collect_slices(self, split: str) -> Slices:
        examples = [
            example
            for source in self.sources
            if source.has(split) or len(self.sources) == 1
            for example in source.list_examples(split)
        ]
        if not examples:
            raise DataLayoutError(
                f"site {self.name}: no slice of split '{split}' is left; check its slices and "
                "foreground settings."
            )
        keep, peak, maps = self.loading.cache == "ram", self.loading.needs_peak, self.loading.maps
        return Slices(examples, keep, peak, maps.read)

    def _make_loader(self, split: str, address: tuple[object, ...] | None) -> DataLoader[RawBatch]:
        slices = self.slices(split).load()
        return DataLoader(
            slices,
            batch_size=None,
            sampler=BatchOrder(slices.sizes, self.loading.batch_size, address),
            num_workers=self.loading.workers,
            pin_memory=torch.cuda.is_available(),
            generator=torch.Generator(),  # what a loader draws is nobody's: it leaves the run's be
        )
