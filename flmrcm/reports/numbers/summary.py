"""The numbers of each section of a comparison: its matrices and its tests, with their notes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import isnan
from typing import Any, TypeVar

import pandas as pd

from flmrcm.learning.metrics import ZERO_FILLED
from flmrcm.reports.attempt import attempt
from flmrcm.reports.collected.comparison import Comparison, Section
from flmrcm.reports.metric_info import MetricInfo
from flmrcm.reports.numbers.reference_tests import (
    DEFAULT_REFERENCE,
    Pairings,
    ReferenceTests,
    choose_reference,
    pair_methods,
    run_reference_tests,
)
from flmrcm.reports.numbers.score_cells import average_groups, is_zero_filled, sort_methods
from flmrcm.reports.numbers.score_matrix import ScoreMatrix, build_score_matrix

Numbers = TypeVar("Numbers", ScoreMatrix, ReferenceTests)

_IMAGE_KEYS = ["run", "site", "volume"]


@dataclass(frozen=True)
class SectionSummary:
    """One section of a comparison.

    Attributes:
        section: its title.
        matrices: one per metric, in the order of tables.
        tests: one per metric, in the same order.
    """

    section: str
    matrices: Sequence[ScoreMatrix]
    tests: Sequence[ReferenceTests]


def summarise_sections(
    comparison: Comparison, reference: str | None = None, least_gain: float | None = None
) -> list[SectionSummary]:
    """Return the numbers of every section.

    Args:
        comparison: of runs.
        reference: the method that others are tested against; None means FL-MR where there is one.
        least_gain: the gain over zero-filled, in dB, that the reference must have for a section to
            be ranked and tested; None sets no condition.

    Raises:
        ConfigErrors: no section has a method of that name.
    """
    return [_summarise_section(section, reference, least_gain) for section in comparison.sections]


def compute_gains(rows: pd.DataFrame) -> pd.Series:
    """Return the gain in PSNR over the zero-filled image, by method and site, in dB.

    A mean over volumes and seeds; each volume is compared with the zero-filled image of its run.

    Args:
        rows: PSNR under one convention, zero-filled images included: method, run, site, volume,
            value.
    """
    zero_filled = rows["method"].map(is_zero_filled)
    starts: Any = rows[zero_filled].groupby(_IMAGE_KEYS)["value"].mean()
    ends = rows[~zero_filled].join(starts.rename("start"), on=_IMAGE_KEYS)
    gains: Any = (ends["value"] - ends["start"]).groupby([ends.method, ends.site])
    return average_groups(gains)


def explain_shortfall(section: Section, reference: str, least_gain: float | None) -> str:
    """Return a line that says why nothing is ranked in a section; empty where all is well.

    The reference must gain at least `least_gain` in PSNR over zero-filled images, at every site
    that took part in its training; of several runs those count at a site in which it took part.
    An unknown gain isn't enough. The other methods may gain less: that is a result.

    Args:
        section: of a comparison.
        reference: a method of the section; empty where there is none.
        least_gain: in dB; None sets no condition.
    """
    if least_gain is None or is_zero_filled(reference):
        return ""
    weak = [
        f"{site} ({_format_gain(gain)})"
        for site, gain in _compute_participant_gains(section, reference)
        if gain is None or not gain >= least_gain
    ]
    if not weak:
        return ""
    return (
        f"no ranking and no statistics: {reference} has to gain {least_gain:g} dB PSNR over "
        f"zero-filled at every site it's trained on, and gains less at {', '.join(weak)}."
    )


def _summarise_section(
    section: Section, name: str | None, least_gain: float | None
) -> SectionSummary:
    reference = choose_reference(section, name)
    unranked = attempt(
        partial(explain_shortfall, section, reference, least_gain),
        lambda error: f"no ranking and no statistics: the gain couldn't be computed: {error}.",
    )
    metrics = section.list_metrics()
    matrices = [_build_matrix(section, metric, unranked) for metric in metrics]
    if why := unranked or _explain_no_tests(section, reference, name):
        tests = [_explain_missing(ReferenceTests, section, why, metric) for metric in metrics]
    else:
        tests = _run_tests(section, reference)
    return SectionSummary(section.title, matrices, tests)


def _build_matrix(section: Section, metric: MetricInfo, unranked: str) -> ScoreMatrix:
    def explain(error: str) -> ScoreMatrix:
        why = f"no table of {metric.title}, it couldn't be computed: {error}."
        return _explain_missing(ScoreMatrix, section, why, metric)

    return attempt(partial(build_score_matrix, section, metric, unranked), explain)


def _run_tests(section: Section, reference: str) -> list[ReferenceTests]:
    metrics = section.list_metrics()

    def explain(metric: MetricInfo, error: str) -> ReferenceTests:
        why = f"no statistics of {metric.title}, they couldn't be computed: {error}."
        return _explain_missing(ReferenceTests, section, why, metric)

    def run(pairings: Pairings) -> list[ReferenceTests]:
        return [
            attempt(
                partial(run_reference_tests, section, metric, reference, pairings),
                partial(explain, metric),
            )
            for metric in metrics
        ]

    return attempt(
        lambda: run(pair_methods(reference, section)),
        lambda error: [explain(metric, error) for metric in metrics],
    )


def _explain_missing(
    kind: type[Numbers], section: Section, why: str, metric: MetricInfo
) -> Numbers:
    """Return a matrix without cells, or no tests, with the reason."""
    return kind(section.title, metric, section.comparison.convention, notes=[why])


def _explain_no_tests(section: Section, reference: str, name: str | None) -> str:
    """Return why nothing is tested in a section; an empty string where something is."""
    known = section.select_scores()["method"]
    methods = [method for method in sort_methods(known) if not is_zero_filled(method)]
    if not methods:
        convention = section.comparison.convention
        return f"no statistics: no method has scores in convention {convention} here."
    if len(methods) == 1 and not is_zero_filled(reference):
        return f"no statistics: {methods[0]} is the only method here."
    if not reference:
        return (
            f"no statistics: no single method here is called {name or DEFAULT_REFERENCE}; choose "
            f"one with --reference: {', '.join(methods)}."
        )
    return ""


def _format_gain(gain: float | None) -> str:
    if gain is None:
        return "not tested"
    return "not finite" if isnan(gain) else f"{gain:.2f} dB"


def _compute_participant_gains(section: Section, method: str) -> Iterator[tuple[str, float | None]]:
    """Yield each participating site and its gain in dB; None where it wasn't tested."""
    comparison, rows = section.comparison, section.select_scores("psnr")
    runs = [comparison.runs[folder] for folder in sorted({*rows["run"][rows["method"] == method]})]
    if not runs:
        return
    # where a run's target was unseen, its gain there says nothing of training
    scores = pd.concat(
        [
            run.scores[run.scores["site"].isin(run.participants)].assign(run=str(run.folder))
            for run in runs
        ]
    )
    scores = scores.loc[
        (scores["metric"] == "psnr") & (scores["convention"] == comparison.convention)
    ]
    # the runs of one method may have had different names when they were tested
    plain = scores["method"].map(lambda name: name if name == ZERO_FILLED else "")
    gains = compute_gains(scores.assign(method=plain)).to_dict()
    for site in sorted({site for run in runs for site in run.participants}):
        yield site, gains.get(("", site))
