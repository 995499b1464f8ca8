"""(a) what the framework adds to a round; (b) what our arithmetic saves against the published."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.bare import Share, bare_round, shares_of
from benchmarks.bed import TRAINING, Bed, Ran, fl_mr, fl_mrcm
from benchmarks.results import Pair, Result, clocked, in_turn, page_faults
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


TINY = Size(32, 4, 4, 2)
OVERHEAD = Size(128, 32, 16, 7)
ARITHMETIC = Size(128, 32, 4, 5)


def overhead(folder: Path, quick: bool) -> list[Result]:
    """(a) One round over a source and the target through the framework, and bare."""
    size = TINY if quick else OVERHEAD
    bed = overhead_bed(folder, size)
    return [
        row
        for strategy in (fl_mr(TARGET), fl_mrcm(TARGET))
        for row in _overhead_of(Compared(bed, strategy), size.repeats)
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
        self.shares = self.prepared()
        self.model = bed.module().model
        self.start = {name: t.clone() for name, t in self.model.state_dict().items()}
        self.rounds: list[Ran] = []
        self.bare_faults = 0

    def framework(self) -> float:
        """Runs the framework's round, notes how it went and gives its seconds."""
        self.rounds.append(self.bed.one_round(self.strategy))
        return self.rounds[-1].seconds

    def bare(self) -> Weights:
        """Gives the weights after the bare round."""
        faults = page_faults()
        weights = bare_round(self.model, self.start, self.shares)
        self.bare_faults = page_faults() - faults
        return weights

    def prepared(self) -> list[Share]:
        """Gives what the bare loop finds in memory."""
        return shares_of(self.bed, TARGET if self.strategy.needs_target_images else None)

    def check_equal(self) -> None:
        """Makes sure that both do the same: their weights end equal, bit for bit.

        Raises:
            ValueError: they don't, so that their times can't be compared.
        """
        ours, bare = self.bed.one_round(self.strategy).weights, self.bare()
        wrong = [name for name in bare if not torch.equal(ours[name], bare[name])]
        if wrong:
            raise ValueError(f"{self.strategy.name}: framework and bare loop differ in {wrong}")


def _overhead_of(compared: Compared, repeats: int) -> list[Result]:
    compared.check_equal()
    whole = in_turn(compared.framework, clocked(compared.bare), repeats)
    files = [ran.files for ran in compared.rounds[-repeats:]]
    lean = Pair([a - f for a, f in zip(whole.first, files, strict=True)], whole.second)
    extra = median(a - b for a, b in zip(lean.first, lean.second, strict=True))
    batches = median(clocked(compared.prepared)() for _ in range(repeats))
    label = f"{compared.strategy.name} round / bare loop"
    note = (
        f"weights end equal, bit for bit; files not counted; {1e3 * extra:+.0f} ms on "
        f"{median(lean.second):.2f} s, of which making batches takes {1e3 * batches:.0f} ms; "
        f"page faults {median(ran.faults for ran in compared.rounds[-repeats:]):,.0f} against "
        f"{compared.bare_faults:,}"
    )
    files_note = f"checkpoint and memories take {median(files):.2f} s a round, however long it is"
    raw = {"framework": whole.first, "bare": whole.second, "files": files}
    return [
        Result("a", label, lean.ratio, "×", at_most=OVERHEAD_AT_MOST, note=note, raw=raw),
        Result("a", f"{label}, files included", whole.ratio, "×", note=files_note),
    ]


class PublishedFLMRCM(FLMRCM):
    """FL-MRCM as the published code computes it: the target's images go through the decoder."""

    def local_rule(self, site: SiteContext) -> LocalRule:
        """Gives alignment that decodes in vain."""
        return LocalRule() if site.is_target else _Decoding(self, site)


class _Decoding(Alignment):
    def extend(self, step: Step, batch: Batch) -> Step:
        """Takes the target's latents from the whole network."""
        companion = next(self.site.target or iter(()))
        return {**step, "target_latent": self.site.module.model(companion).latent}


def published() -> PublishedFLMRCM:
    """Gives the published arithmetic with the numbers of ours."""
    return PublishedFLMRCM(**vars(fl_mrcm(TARGET)))


def arithmetic(folder: Path, quick: bool) -> list[Result]:
    """(b) The published arithmetic over ours, at three sources, a target and two local epochs."""
    size = TINY if quick else ARITHMETIC
    sources = ("source_1", "source_2", "source_3")
    slices: dict[str, int] = dict.fromkeys((*sources, TARGET), size.slices)
    training = replace(TRAINING, epochs=2)
    bed = Bed(folder, slices, sources, size.image, size.channels, training=training)
    flops = _flops(bed, published())
    return [
        _against_published(bed, flops, alignment, at_least, size.repeats)
        for alignment, at_least in (("images", DECODER_AT_LEAST), ("latents", LATENTS_AT_LEAST))
    ]


def _against_published(
    bed: Bed, flops: float, alignment: str, at_least: float, repeats: int
) -> Result:
    ours = fl_mrcm(TARGET, alignment)
    theirs = partial(_without_files, bed, published())
    pair = in_turn(theirs, partial(_without_files, bed, ours), repeats)
    saved = flops / _flops(bed, ours)
    survey = ", survey included, the target doesn't train" if alignment == "latents" else ""
    return Result(
        "b",
        f"published FL-MRCM / ours ({alignment})",
        pair.ratio,
        "×",
        at_least=at_least,
        note=f"files not counted{survey}; counted operations allow {saved:.2f} ×",
        raw=pair.raw,
    )


def _without_files(bed: Bed, strategy: Strategy) -> float:
    ran = bed.one_round(strategy)
    return ran.seconds - ran.files


def _flops(bed: Bed, strategy: Strategy) -> float:
    with FlopCounterMode(display=False) as counter:
        bed.one_round(strategy)
    return float(counter.get_total_flops())
