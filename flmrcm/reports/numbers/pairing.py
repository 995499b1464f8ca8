"""Whether two methods may be paired at a site: tested alike and trained equally long."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from flmrcm.learning.metrics import ZERO_FILLED
from flmrcm.reports.collected.finished_runs import Run
from flmrcm.reports.collected.labels import describe_differences

BUDGET_TOLERANCE = 0.01
"""The relative difference up to which numbers of optimizer steps count as equal."""


@dataclass(frozen=True)
class ScoreConditions:
    """The conditions of a run's scores at a site; None where a condition isn't known.

    Attributes:
        volumes: the volumes that have all of the run's metrics in the convention compared; of its
            metrics those that every volume should have.
        fingerprint: of the site's volumes, their sizes and masks, over all splits.
        contrast: such as T1.
        mask: its config.
        split: that was tested.
        checkpoint: that was tested: last | best, or the name of another file.
        budget: of a round: epochs | steps.
        steps: optimizer steps of all sites over all rounds.
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
        refusal: what differs, with both values; empty where they may be paired.
        unchecked: conditions that at least one run says nothing about.
    """

    refusal: str = ""
    unchecked: Sequence[str] = ()


def read_conditions(run: Run, site: str, convention: str) -> ScoreConditions:
    """Return the conditions of a run's scores under a convention at a site."""
    config, scores = run.config, run.scores
    own = (config.get("sites") or {}).get(site) or {}
    tested = (scores["site"] == site) & (scores["convention"] == convention)
    described = run.described_metrics
    partial = [name for name, info in described.items() if not info.in_every_volume]
    tested &= ~scores["metric"].isin(partial)
    rows = scores.loc[tested & (scores["method"] != ZERO_FILLED)]
    counts = rows["volume"].value_counts()
    return ScoreConditions(
        volumes=frozenset(counts.index[counts == rows["metric"].nunique()].astype(str)),
        fingerprint=run.fingerprints.get(site),
        contrast=str(own.get("contrast") or config.get("contrast")),
        mask=own.get("mask") or config["mask"],
        split=run.tested_split,
        checkpoint=run.tested_checkpoint,
        budget=config.get("budget"),
        steps=run.optimizer_steps or None,
    )


def check_pairing(
    names: tuple[str, str],
    first: Collection[ScoreConditions],
    second: Collection[ScoreConditions],
    trained: bool = True,
) -> Pairing:
    """Return whether two methods may be paired at a site.

    Optimizer steps may differ by 1 %. Where the steps of a run aren't known, the `budget` of the
    configs is compared instead.

    Args:
        names: of the two methods.
        first: conditions of each run of the first method, all at one site.
        second: conditions of each run of the second method, at the same site.
        trained: whether both methods were trained; the zero-filled image isn't.
    """
    differences = list(_compare_testing(first, second))
    differences += _compare_training(first, second) if trained else ()
    one, two = names
    refusal = f"{one} and {two} differ in {'; '.join(differences)}" if differences else ""
    both = (*first, *second)
    values: dict[str, list[Any]] = {"volumes and masks": [c.fingerprint for c in both]}
    if trained:
        values["checkpoint"] = [c.checkpoint for c in both]
        values["optimizer steps"] = [c.steps for c in both]
    return Pairing(refusal, [what for what, of_runs in values.items() if None in of_runs])


def _compare_testing(
    first: Collection[ScoreConditions], second: Collection[ScoreConditions]
) -> Iterator[str]:
    yield from _compare_volumes(first, second)
    masks = {i: {"mask": c.mask} for i, c in enumerate((*first, *second))}
    labels = describe_differences(masks)
    yield from _compare_values(
        "masks",
        {labels[i] for i in range(len(first))},
        {labels[i] for i in range(len(first), len(masks))},
    )
    yield from _compare_field("contrast", first, second)
    yield from _compare_field("split", first, second)
    if len(set(labels.values())) == 1:  # other masks give other fingerprints of the same volumes
        yield from _compare_field(
            "fingerprint", first, second, "volumes or masks (their fingerprint)"
        )


def _compare_training(
    first: Collection[ScoreConditions], second: Collection[ScoreConditions]
) -> Iterator[str]:
    yield from _compare_field("checkpoint", first, second)
    steps = {c.steps for c in first}, {c.steps for c in second}
    known = [n for n in steps[0] | steps[1] if n is not None]
    if len(known) < len(steps[0] | steps[1]):
        yield from _compare_field("budget", first, second)
    if known and max(known) > min(known) * (1 + BUDGET_TOLERANCE):
        yield from _compare_values("optimizer steps", *steps)


def _compare_volumes(
    first: Collection[ScoreConditions], second: Collection[ScoreConditions]
) -> Iterator[str]:
    sets = [c.volumes for c in (*first, *second)]
    if missing := frozenset[str]().union(*sets) - sets[0].intersection(*sets):
        counts = [_join_values({len(c.volumes) for c in runs}) for runs in (first, second)]
        yield f"scored test volumes: {counts[0]} and {counts[1]} ({min(missing)} isn't in all)"


def _compare_field(
    field: str,
    first: Collection[ScoreConditions],
    second: Collection[ScoreConditions],
    what: str = "",
) -> Iterator[str]:
    values = [{getattr(c, field) for c in conditions} for conditions in (first, second)]
    yield from _compare_values(what or field, *values)


def _compare_values(
    what: str, first: Collection[object], second: Collection[object]
) -> Iterator[str]:
    """Yield a line if the known values differ."""
    one, two = ({value for value in values if value is not None} for values in (first, second))
    if len(one | two) > 1:
        yield f"{what}: {_join_values(one)} and {_join_values(two)}"


def _join_values(values: Collection[object]) -> str:
    return "/".join(map(str, sorted(values, key=str))) or "unknown"
