"""The numbers of each section of a comparison: its matrices and its tests, with their notes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from flmrcm.reports.attempt import attempt
from flmrcm.reports.collected.comparison import Comparison
from flmrcm.reports.metric_info import MetricInfo
from flmrcm.reports.numbers.precondition import explain_shortfall
from flmrcm.reports.numbers.reference_tests import (
    DEFAULT_REFERENCE,
    Pairings,
    ReferenceTests,
    choose_reference,
    explain_missing_tests,
    pair_methods,
    run_reference_tests,
)
from flmrcm.reports.numbers.score_cells import is_zero_filled, sort_methods
from flmrcm.reports.numbers.score_matrix import (
    ScoreMatrix,
    build_score_matrix,
    explain_missing_matrix,
)


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
    return [
        _summarise_section(comparison, name, reference, least_gain) for name in comparison.sections
    ]


def _summarise_section(
    comparison: Comparison, section: str, name: str | None, least_gain: float | None
) -> SectionSummary:
    reference = choose_reference(comparison, section, name)
    unranked = attempt(
        partial(explain_shortfall, comparison, section, reference, least_gain),
        lambda error: f"no ranking and no statistics: the gain couldn't be computed: {error}.",
    )
    metrics = comparison.list_metrics(section)
    matrices = [_build_matrix(comparison, section, metric, unranked) for metric in metrics]
    tests: list[ReferenceTests]
    if why := unranked or _explain_no_tests(comparison, section, reference, name):
        tests = [explain_missing_tests(comparison, section, metric, why) for metric in metrics]
    else:
        tests = _run_tests(comparison, section, reference)
    return SectionSummary(section, matrices, tests)


def _build_matrix(
    comparison: Comparison, section: str, metric: MetricInfo, unranked: str
) -> ScoreMatrix:
    return attempt(
        partial(build_score_matrix, comparison, section, metric, unranked),
        lambda error: explain_missing_matrix(
            comparison,
            section,
            metric,
            f"no table of {metric.title}, it couldn't be computed: {error}.",
        ),
    )


def _run_tests(comparison: Comparison, section: str, reference: str) -> list[ReferenceTests]:
    metrics = comparison.list_metrics(section)

    def explain(metric: MetricInfo, error: str) -> ReferenceTests:
        why = f"no statistics of {metric.title}, they couldn't be computed: {error}."
        return explain_missing_tests(comparison, section, metric, why)

    def run(pairings: Pairings) -> list[ReferenceTests]:
        return [
            attempt(
                partial(run_reference_tests, comparison, section, metric, reference, pairings),
                partial(explain, metric),
            )
            for metric in metrics
        ]

    return attempt(
        lambda: run(pair_methods(reference, comparison, section)),
        lambda error: [explain(metric, error) for metric in metrics],
    )


def _explain_no_tests(
    comparison: Comparison, section: str, reference: str, name: str | None
) -> str:
    """Return why nothing is tested in a section; an empty string where something is."""
    known = comparison.select_scores(section)["method"]
    methods = [method for method in sort_methods(known) if not is_zero_filled(method)]
    if not methods:
        return f"no statistics: no method has scores in convention {comparison.convention} here."
    if len(methods) == 1 and not is_zero_filled(reference):
        return f"no statistics: {methods[0]} is the only method here."
    if not reference:
        return (
            f"no statistics: no single method here is called {name or DEFAULT_REFERENCE}; choose "
            f"one with --reference: {', '.join(methods)}."
        )
    return ""
