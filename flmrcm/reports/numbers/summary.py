"""What a comparison comes to: for each section its matrices, its tests, and what must be said."""

from collections.abc import Sequence
from dataclasses import dataclass

from flmrcm.learning.metrics import METRICS
from flmrcm.reports.collected.comparison import Comparison
from flmrcm.reports.numbers.against import (
    USUAL_REFERENCE,
    Against,
    against,
    chosen_reference,
    pairings_with,
    untested,
)
from flmrcm.reports.numbers.matrix import Matrix, is_zero_filled, matrix
from flmrcm.reports.numbers.precondition import shortfall


@dataclass(frozen=True)
class Summary:
    """One section of a comparison.

    Attributes:
        section: its title.
        matrices: one per metric, PSNR first.
        tests: one per metric, in the same order.
    """

    section: str
    matrices: Sequence[Matrix]
    tests: Sequence[Against]


def summaries(
    comparison: Comparison, reference: str | None = None, least_gain: float | None = None
) -> list[Summary]:
    """Gives every section's numbers.

    Args:
        comparison: of runs.
        reference: the method that others are tested against; None means FL-MR where there is one.
        least_gain: what the reference has to gain over zero-filled, in dB, before a section is
            ranked and tested; None asks for nothing.

    Raises:
        ConfigErrors: no section holds the reference.
    """
    return [_summary(comparison, name, reference, least_gain) for name in comparison.sections]


def _summary(
    comparison: Comparison, section: str, asked: str | None, least_gain: float | None
) -> Summary:
    reference = chosen_reference(comparison, section, asked)
    unranked = shortfall(comparison, section, reference, least_gain)
    matrices = [matrix(comparison, section, metric, unranked) for metric in METRICS]
    why = unranked or _why_not(matrices[0], reference, asked)
    if why:
        tests = [untested(comparison, section, metric, why) for metric in METRICS]
        return Summary(section, matrices, tests)
    found = pairings_with(reference, comparison, section)
    tests = [against(comparison, section, metric, reference, found) for metric in METRICS]
    return Summary(section, matrices, tests)


def _why_not(of_psnr: Matrix, reference: str, asked: str | None) -> str:
    methods = [method for method in of_psnr.methods if not is_zero_filled(method)]
    if not methods:
        return f"no statistics: no method has scores in convention {of_psnr.convention} here."
    if len(methods) == 1 and not is_zero_filled(reference):
        return f"no statistics: {methods[0]} stands alone here."
    if not reference:
        name = asked or USUAL_REFERENCE
        return (
            f"no statistics: no method here is just {name}; take one with --reference, of "
            f"{', '.join(methods)}."
        )
    return ""
