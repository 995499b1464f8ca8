"""May two methods be paired at a site? Only if they were judged alike and trained equally long."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from flmrcm.learning.metrics import ZERO_FILLED
from flmrcm.reports.collected.finished_runs import Run
from flmrcm.reports.collected.labels import describe_differences

BUDGET_TOLERANCE = 0.01
"""Optimizer steps this close together, relative to the fewer, count as equal."""


@dataclass(frozen=True)
class ScoreConditions:
    """Under which a run's numbers at a site came about; None is not known.

    Attributes:
        volumes: those with all of the run's metrics in the convention compared.
        fingerprint: of the site's volumes, their sizes, and masks, of all splits.
        contrast: such as T1.
        mask: its config.
        split: of the site that was judged.
        checkpoint: that was judged: last | best, or another file's name.
        budget: of a round: epochs | steps.
        steps: of the optimizer, by all sites over all rounds.
    """

    volumes: frozenset[str]
    fingerprint: str | None
    contrast: str
    mask: Mapping[str, Any]
    split: str
    checkpoint: str | None
    budget: str | None
    steps: int | None


class Pairing(NamedTuple):
    """Whether two methods may be paired at a site.

    Attributes:
        refusal: what differs, with both values; empty where they may.
        unchecked: what a run behind them doesn't say.
    """

    refusal: str = ""
    unchecked: Sequence[str] = ()


def read_conditions(run: Run, site: str, convention: str) -> ScoreConditions:
    """Gives the conditions of a run at a site.

    Args:
        run: finished.
        site: where it was judged.
        convention: of the metrics.
    """
    config, scores = run.config, run.scores
    own = (config.get("sites") or {}).get(site) or {}
    judged = config.get("evaluate") or {}
    tested = (scores["site"] == site) & (scores["convention"] == convention)
    rows = scores.loc[tested & (scores["method"] != ZERO_FILLED)]
    counts = rows["volume"].value_counts()
    checkpoint = (config.get("test") or {}).get("checkpoint")
    return ScoreConditions(
        volumes=frozenset(counts.index[counts == rows["metric"].nunique()].astype(str)),
        fingerprint=run.environment.get("site_fingerprints", {}).get(site),
        contrast=str(own.get("contrast") or config.get("contrast")),
        mask=own.get("mask") or config["mask"],
        split=str(judged.get("split", "test")),
        checkpoint=Path(judged["checkpoint"]).stem if "checkpoint" in judged else checkpoint,
        budget=config.get("budget"),
        steps=run.optimizer_steps or None,
    )


def check_pairing(
    names: tuple[str, str],
    first: Collection[ScoreConditions],
    second: Collection[ScoreConditions],
    trained: bool = True,
) -> Pairing:
    """Tells whether two methods may be paired at a site.

    Optimizer steps may differ by 1 %. Where a run doesn't say how many it took, the config's
    `budget` is compared in their place.

    Args:
        names: of the two methods.
        first: of every run behind the first, all at one site.
        second: of every run behind the second, at the same site.
        trained: whether both were; the zero-filled image wasn't.
    """
    told = list(_compare_testing(first, second))
    told += _compare_training(first, second) if trained else ()
    one, two = names
    refusal = f"{one} and {two} differ in {'; '.join(told)}" if told else ""
    both = (*first, *second)
    known: dict[str, list[Any]] = {"volumes and masks": [c.fingerprint for c in both]}
    if trained:
        known["checkpoint"] = [c.checkpoint for c in both]
        known["optimizer steps"] = [c.steps for c in both]
    return Pairing(refusal, [what for what, values in known.items() if None in values])


def _compare_testing(
    first: Collection[ScoreConditions], second: Collection[ScoreConditions]
) -> Iterator[str]:
    yield from _compare_volumes(first, second)
    masks = {i: {"mask": c.mask} for i, c in enumerate((*first, *second))}
    apart = describe_differences(masks)
    own = {apart[i] for i in range(len(first))}, {apart[i] for i in range(len(first), len(apart))}
    yield from _compare_values("masks", *own)
    yield from _compare_values(
        "contrast", {c.contrast for c in first}, {c.contrast for c in second}
    )
    yield from _compare_values("split", {c.split for c in first}, {c.split for c in second})
    if len(set(apart.values())) == 1:  # else it's the mask that tells the fingerprints apart
        yield from _compare_values(
            "volumes or masks (their fingerprint)",
            {c.fingerprint for c in first},
            {c.fingerprint for c in second},
        )


def _compare_training(
    first: Collection[ScoreConditions], second: Collection[ScoreConditions]
) -> Iterator[str]:
    yield from _compare_values(
        "checkpoint", {c.checkpoint for c in first}, {c.checkpoint for c in second}
    )
    steps = {c.steps for c in first}, {c.steps for c in second}
    taken = [n for n in steps[0] | steps[1] if n is not None]
    if len(taken) < len(steps[0] | steps[1]):
        yield from _compare_values("budget", {c.budget for c in first}, {c.budget for c in second})
    if taken and max(taken) > min(taken) * (1 + BUDGET_TOLERANCE):
        yield from _compare_values("optimizer steps", *steps)


def _compare_volumes(
    first: Collection[ScoreConditions], second: Collection[ScoreConditions]
) -> Iterator[str]:
    sets = [c.volumes for c in (*first, *second)]
    if missing := frozenset[str]().union(*sets) - sets[0].intersection(*sets):
        counts = [_join_values({len(c.volumes) for c in runs}) for runs in (first, second)]
        yield f"scored test volumes: {counts[0]} and {counts[1]} ({min(missing)} isn't in all)"


def _compare_values(
    what: str, first: Collection[object], second: Collection[object]
) -> Iterator[str]:
    """Gives a line unless all that's known is one and the same."""
    one, two = ({value for value in values if value is not None} for values in (first, second))
    if len(one | two) > 1:
        yield f"{what}: {_join_values(one)} and {_join_values(two)}"


def _join_values(values: Collection[object]) -> str:
    return "/".join(map(str, sorted(values, key=str))) or "unknown"
