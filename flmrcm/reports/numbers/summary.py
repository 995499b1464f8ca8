"""What a comparison comes to: for each section its matrices, its tests, and what must be said."""

from collections.abc import Sequence
from dataclasses import dataclass

from flmrcm.learning.metrics import METRICS
from flmrcm.reports.collected.comparison import Comparison
from flmrcm.reports.numbers.precondition import explain_shortfall
from flmrcm.reports.numbers.reference_tests import (
    DEFAULT_REFERENCE,
    ReferenceTests,
    choose_reference,
    explain_missing_tests,
    pair_methods,
    run_reference_tests,
)
from flmrcm.reports.numbers.score_matrix import ScoreMatrix, build_score_matrix, is_zero_filled


@dataclass(frozen=True)
class SectionSummary:
    """One section of a comparison.

    Attributes:
        section: its title.
        matrices: one per metric, PSNR first.
        tests: one per metric, in the same order.
    """

    section: str
    matrices: Sequence[ScoreMatrix]
    tests: Sequence[ReferenceTests]


def summarise_sections(
    comparison: Comparison, reference: str | None = None, least_gain: float | None = None
) -> list[SectionSummary]:
    """Gives every section's numbers.

    Args:
        comparison: of runs.
        reference: the method that others are tested against; None means FL-MR where there is one.
        least_gain: what the reference has to gain over zero-filled, in dB, before a section is
            ranked and tested; None asks for nothing.

    Raises:
        ConfigErrors: no section holds the reference.
    """
    return [
        _summarise_section(comparison, name, reference, least_gain) for name in comparison.sections
    ]


def _summarise_section(
    comparison: Comparison, section: str, asked: str | None, least_gain: float | None
) -> SectionSummary:
    reference = choose_reference(comparison, section, asked)
    unranked = explain_shortfall(comparison, section, reference, least_gain)
    matrices = [build_score_matrix(comparison, section, metric, unranked) for metric in METRICS]
    why = unranked or _explain_no_tests(matrices[0], reference, asked)
    if why:
        tests = [explain_missing_tests(comparison, section, metric, why) for metric in METRICS]
        return SectionSummary(section, matrices, tests)
    found = pair_methods(reference, comparison, section)
    tests = [
        run_reference_tests(comparison, section, metric, reference, found) for metric in METRICS
    ]
    return SectionSummary(section, matrices, tests)


def _explain_no_tests(of_psnr: ScoreMatrix, reference: str, asked: str | None) -> str:
    methods = [method for method in of_psnr.methods if not is_zero_filled(method)]
    if not methods:
        return f"no statistics: no method has scores in convention {of_psnr.convention} here."
    if len(methods) == 1 and not is_zero_filled(reference):
        return f"no statistics: {methods[0]} stands alone here."
    if not reference:
        name = asked or DEFAULT_REFERENCE
        return (
            f"no statistics: no method here is just {name}; take one with --reference, of "
            f"{', '.join(methods)}."
        )
    return ""
