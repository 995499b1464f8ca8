"""Small objects that many tests need: a site on disk, its loaders, batches, a network."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from scipy.ndimage import gaussian_filter

from flmrcm.data.h5 import TARGET_KEYS, Volume, read_header, write_volume
from flmrcm.data.site import Loading, Site
from flmrcm.data.source import Source
from flmrcm.data.transforms import prepare_images
from flmrcm.learning.module import ReconModule
from flmrcm.models.discriminator import build_discriminator
from flmrcm.models.unet import UNet
from flmrcm.mri.acquisition import Cartesian, stack_masks
from flmrcm.mri.coils import expand_coils, make_birdcage_maps
from flmrcm.mri.fourier import fft2c
from flmrcm.mri.masks import Random
from flmrcm.seeding import seed_for, seeded
from flmrcm.strategies.fl_mrcm import FLMRCM
from flmrcm.types import Batch, Broadcast, Learner, Memory, SiteContext

SPLITS = {"train": (4, 3), "val": (3,), "test": (3,)}
"""Slices of each volume, by split."""

Size = tuple[int, int]


def smooth_images(n: int, size: Size, seed: int = 0) -> np.ndarray:
    """Return smooth random images, complex64, (slices, height, width)."""
    noise = np.random.default_rng(seed).standard_normal((2, n, *size))
    magnitude, phase = gaussian_filter(noise, (0, 0, 2, 2)) * 10
    return (np.abs(magnitude) * np.exp(1j * phase)).astype(np.complex64)


def make_noisy_volume(
    n: int = 4, size: Size = (20, 16), seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return something like a target, and the target, float32, (slices, height, width)."""
    target = np.abs(smooth_images(n, size, seed))
    noise = np.random.default_rng(seed).normal(0, 0.05 * target.max(), target.shape)
    return np.abs(target + noise).astype(np.float32), target


def scanned(n: int, size: Size, coils: int = 1, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return k-space and its magnitude image.

    Returns:
        k-space, complex64, (slices, rows, columns) or, for several coils, (slices, coils, rows,
        columns), and the image, float32, (slices, rows, columns).
    """
    image = torch.from_numpy(smooth_images(n, size, seed))
    coil_images = image if coils == 1 else expand_coils(image, make_birdcage_maps(coils, *size))
    return fft2c(coil_images).numpy(), image.abs().numpy()


def write_scan(
    path: Path, n: int = 3, size: Size = (16, 16), coils: int = 1, target: Size | None = None
) -> Volume:
    """Write a volume and return its header; its images depend on the names of file and folders."""
    kspace, image = scanned(n, size, coils, seed_for(*path.parts[-4:]))
    height, width = target or size
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    image = image[:, top : top + height, left : left + width]
    write_volume(path, kspace, image, {"site": "here"})
    return read_header(path, "here")


def write_plain(path: Path, **data: np.ndarray) -> Path:
    """Write a file with these data sets and no attributes, as the published code expects it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for key, array in data.items():
            file.create_dataset(key, data=array)
    return path


def write_site(
    root: Path,
    splits: Mapping[str, Sequence[int]] = SPLITS,
    size: Size = (16, 16),
    coils: int = 1,
    attributes: bool = True,
) -> Path:
    """Write `<root>/T1/<split>/<split>_<i>.h5` and return the root."""
    for split, volumes in splits.items():
        for i, n in enumerate(volumes):
            path = root / "T1" / split / f"{split}_{i}.h5"
            if attributes:
                write_scan(path, n, size, coils)
                continue
            kspace, image = scanned(n, size, coils, seed_for(*path.parts[-4:]))
            key = TARGET_KEYS["single" if coils == 1 else "multi"]
            write_plain(path, **{"kspace": kspace, key: image})
    return root


def make_source(root: Path | None, **options: Any) -> Source:
    """Return the source of a site on disk, named like its folder."""
    defaults = {"name": root.name if root else "here", "contrast": "T1", "mask": Random((4,))}
    return Source(root=root, **(defaults | options))


def make_site(root: Path, mask: Any = None, **loading: Any) -> Site:
    """Return the site of a folder on disk, named like it; `loading` as for `Loading`."""
    source = make_source(root, mask=mask or Random((4,)))
    return Site(root.name, [source], Loading(**({"batch_size": 2} | loading)))


def make_batch(n: int = 2, size: Size = (16, 16), seed: int = 0) -> Batch:
    """Return a batch of random images."""
    rng = torch.Generator().manual_seed(seed)
    image, target = torch.randn(2, n, 1, *size, generator=rng)
    return Batch(
        image,
        target,
        mean=torch.full((n,), 3.0),
        std=torch.ones(n),
        mask=torch.ones(n, 1, 1, size[1], dtype=torch.bool),
        volume=["here/volume"] * n,
        slice=torch.arange(n),
    )


def make_kspace_batch(
    n: int = 2,
    size: Size = (16, 16),
    coils: int = 1,
    seed: int = 0,
    *,
    acceleration: float = 3,
    center: int = 4,
    scale: float = 1.0,
    empty: Sequence[int] = (),
) -> Batch:
    """Return a batch of smooth images with their undersampled k-space, as a site makes it.

    Args:
        n: slices.
        size: of k-space.
        coils: receiver coils.
        seed: of images and masks.
        acceleration: 1 measures everything.
        center: columns of the fully sampled centre.
        scale: of all values.
        empty: slices that hold nothing.
    """
    kspace, image = (scale * torch.from_numpy(x) for x in scanned(n, size, coils, seed))
    keep = torch.ones(n)
    keep[list(empty)] = 0
    kspace = kspace.view(n, coils, *size) * keep.view(-1, 1, 1, 1)
    mask = Random((acceleration,), (min(center / size[1], 1 / acceleration),))
    samplings = [mask(size, seed + i) for i in range(n)]
    sampled = stack_masks([s.mask for s in samplings], torch.device("cpu"))
    target = image * keep.view(-1, 1, 1)
    prepared = prepare_images(kspace, Cartesian(sampled), target, max(size), clamp_target=False)
    return Batch(
        *prepared,
        mask=sampled,
        volume=["here/volume"] * n,
        slice=torch.arange(n),
        kspace=kspace * sampled,
        center=torch.tensor([s.center for s in samplings]),
    )


def make_unet(channels: int = 2, pools: int = 2, seed: int = 0, norm: str = "instance") -> UNet:
    """Return a tiny network; equal seeds give equal weights."""
    with seeded("network", seed):
        return UNet(channels, pools, norm=norm)


def make_learner(channels: int = 2, pools: int = 2, seed: int = 0, lr: float = 0.1) -> ReconModule:
    """Return a tiny network that learns by plain gradient descent."""
    return ReconModule(make_unet(channels, pools, seed), partial(torch.optim.SGD, lr=lr))


def make_context(module: Learner, **options: Any) -> SiteContext:
    """Return the context of a local rule, in round 0 by default."""
    defaults = {"message": Broadcast(0, {}), "memory": Memory(), "is_target": False, "seed": 1}
    return SiteContext(module, **(defaults | {"learning_rate": 0.01} | options))


def make_fl_mrcm(**options: Any) -> FLMRCM:
    """Return FL-MRCM with a narrow discriminator and the target site `t`."""
    makers = {
        "discriminator": partial(build_discriminator, width=8),
        "discriminator_optimizer": torch.optim.RMSprop,
        "target": "t",
    }
    return FLMRCM(**(makers | options))
