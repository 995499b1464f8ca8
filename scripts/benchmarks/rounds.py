"""(a) what the framework adds to a round; (b) what our arithmetic saves against the published."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

import torch

from benchmarks.bare import bare_round, shares_of
from benchmarks.bed import Bed, fl_mr, fl_mrcm
from benchmarks.results import Pair, Result, in_turn
from flmrcm.strategies.base import LocalRule, Strategy
from flmrcm.strategies.fl_mrcm import FLMRCM, Alignment
from flmrcm.types import Batch, SiteContext, Step, Weights

TARGET = "target"
OVERHEAD_AT_MOST = 1.05
DECODER_AT_LEAST, LATENTS_AT_LEAST = 1.2, 1.5


class Size(NamedTuple):
    """How big the measured rounds are."""

    image: int
    channels: int
    slices: int
    repeats: int


FULL, QUICK = Size(128, 32, 16, 7), Size(32, 4, 8, 2)


def overhead(folder: Path, quick: bool) -> list[Result]:
    """(a) One round over a source and the target through the framework, and bare."""
    bed = overhead_bed(folder, QUICK if quick else FULL)
    repeats = (QUICK if quick else FULL).repeats
    return [
        row
        for strategy in (fl_mr(TARGET), fl_mrcm(TARGET))
        for row in _overhead_of(bed, strategy, repeats)
    ]


def overhead_bed(folder: Path, size: Size) -> Bed:
    """Gives a source and a target that both train, their slices in RAM."""
    slices = {"source": size.slices, TARGET: size.slices}
    return Bed(folder, slices, tuple(slices), size.image, size.channels)


class Compared:
    """The same round twice: through the framework, and bare.

    Args:
        bed: the sites.
        strategy: FL-MR, or FL-MRCM on images.
    """

    def __init__(self, bed: Bed, strategy: Strategy) -> None:
        self.bed, self.strategy = bed, strategy
        self.shares = shares_of(bed, TARGET if strategy.needs_target_images else None)
        self.model = bed.module().model
        self.start = {name: t.clone() for name, t in self.model.state_dict().items()}
        self.file_seconds: list[float] = []

    def framework(self) -> Weights:
        """Gives the weights after the framework's round; notes what its files took."""
        weights, files = self.bed.one_round(self.strategy)
        self.file_seconds.append(files)
        return weights

    def bare(self) -> Weights:
        """Gives the weights after the bare round."""
        return bare_round(self.model, self.start, self.shares)  # pyright: ignore[reportArgumentType]

    def check_equal(self) -> None:
        """Makes sure that both do the same: their weights end equal, bit for bit.

        Raises:
            AssertionError: they don't, so that their times can't be compared.
        """
        ours, bare = self.framework(), self.bare()
        wrong = [name for name in bare if not torch.equal(ours[name], bare[name])]
        if wrong:
            raise AssertionError(f"{self.strategy.name}: framework and bare loop differ in {wrong}")


def _overhead_of(bed: Bed, strategy: Strategy, repeats: int) -> list[Result]:
    compared = Compared(bed, strategy)
    compared.check_equal()
    whole = in_turn(compared.framework, compared.bare, repeats)
    files = compared.file_seconds[-repeats:]
    lean = Pair([a - f for a, f in zip(whole.first, files, strict=True)], whole.second)
    raw = {"framework": whole.first, "bare": whole.second, "files": files}
    extra = median(a - b for a, b in zip(lean.first, lean.second, strict=True))
    label = f"{strategy.name} round / bare loop"
    return [
        Result(
            "a",
            label,
            lean.ratio,
            "×",
            at_most=OVERHEAD_AT_MOST,
            note=f"weights end equal; without files; {1e3 * extra:.0f} ms more, for reading, "
            "masks, FFT, copies and set-up, where the bare loop finds its batches made",
            raw=raw,
        ),
        Result(
            "a",
            f"{label}, files included",
            whole.ratio,
            "×",
            note=f"checkpoint and private memories: {median(files):.2f} s a round, "
            "however long the round is",
        ),
    ]


class PublishedFLMRCM(FLMRCM):
    """FL-MRCM as the published code computes it: the target's images go through the decoder."""

    def local_rule(self, site: SiteContext) -> LocalRule:
        """Gives alignment that decodes in vain."""
        return LocalRule() if site.is_target else _Decoding(self, site)


class _Decoding(Alignment):
    def extend(self, step: Step, batch: Batch) -> Step:
        assert self.site.target is not None  # noqa: S101  this form is given images
        return {**step, "target_latent": self.site.module.model(next(self.site.target)).latent}


def arithmetic(folder: Path, quick: bool) -> list[Result]:
    """(b) The published arithmetic over ours, at three sources, a target and two local epochs."""
    size = QUICK if quick else replace_slices(FULL, 8)
    sources = ("source_1", "source_2", "source_3")
    slices = dict.fromkeys((*sources, TARGET), size.slices)
    bed = Bed(folder, slices, sources, size.image, size.channels, local={"epochs": 2})
    return [
        _against_published(bed, "images", size.repeats, DECODER_AT_LEAST),
        _against_published(bed, "latents", size.repeats, LATENTS_AT_LEAST),
    ]


def replace_slices(size: Size, slices: int) -> Size:
    """Gives the size with other slices."""
    return size._replace(slices=slices)


def published() -> PublishedFLMRCM:
    """Gives the published arithmetic with our numbers."""
    ours = fl_mrcm(TARGET)
    return PublishedFLMRCM(
        "published",
        TARGET,
        discriminator=ours.discriminator,
        discriminator_optimizer=ours.discriminator_optimizer,
    )


def _against_published(bed: Bed, alignment: str, repeats: int, at_least: float) -> Result:
    ours = fl_mrcm(TARGET, alignment)
    pair = in_turn(partial(_lean, bed, published()), partial(_lean, bed, ours), repeats)
    return Result("b", f"published / {alignment} form", pair.ratio, "×", at_least=at_least)
