"""Matrices and tests as tables of words, for terminal, page and paper alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from typing import NamedTuple

from flmrcm.learning.records import GLOBAL, PERSONAL
from flmrcm.reports.metric_info import MetricInfo
from flmrcm.reports.numbers.reference_tests import ReferenceTests
from flmrcm.reports.numbers.score_cells import (
    SITE_SPREAD,
    SUMMARIES,
    WORST_SITE,
    is_zero_filled,
)
from flmrcm.reports.numbers.score_matrix import ScoreMatrix

MISSING_CELL = "–"

MARKS = {PERSONAL: "P", f"{GLOBAL}+{PERSONAL}": "P+G"}
"""What stands beside scores of a site's own weights, and beside a mean of both kinds."""

_MEANINGS = {
    "P": "P: with a site's own (personal or private) weights, all else with the global ones",
    "P+G": "P+G: a mean over both",
}

TESTS_LEGEND = (
    "difference: method − reference, mean over the n volumes, each averaged over its seeds; "
    "interval: of 95%, bootstrap (BCa); effect: matched-pairs rank-biserial correlation; p: "
    "Wilcoxon signed-rank, two-sided; Holm: p corrected over the table; least: smallest p that n "
    "volumes can give."
)
"""The legend of a table of tests."""


class ReportCell(NamedTuple):
    """One cell.

    Attributes:
        text: the number or name.
        small: in small letters below or behind it; may be empty.
        rank: 1 for the best, 2 for the second, 0 for all others.
    """

    text: str
    small: str = ""
    rank: int = 0


@dataclass(frozen=True)
class ReportTable:
    """A table of words.

    Attributes:
        title: of the table.
        heads: of the columns.
        rows: each as long as the heads.
        names: number of columns with names, at the left; the others hold numbers.
        notes: shown below, one line each.
    """

    title: str
    heads: Sequence[ReportCell]
    rows: Sequence[Sequence[ReportCell]]
    names: int
    notes: Sequence[str] = ()


SUMMARY_HEADS = {WORST_SITE: ReportCell("worst", "site"), SITE_SPREAD: ReportCell("sd", "sites")}


def build_matrix_table(matrix: ScoreMatrix) -> ReportTable:
    """Return the site × method matrix: means, and in small letters `±over volumes (over seeds)`.

    Below a method stands what its sites trained for themselves, if anything.
    """
    rows = [
        [
            ReportCell(method, _format_training(matrix, method)),
            *(_build_matrix_cell(matrix, method, site) for site in matrix.sites),
        ]
        for method in matrix.methods
    ]
    heads = [
        ReportCell("method"),
        *(
            SUMMARY_HEADS.get(site) or ReportCell(site, _format_volumes(matrix, site))
            for site in matrix.sites
        ),
    ]
    return ReportTable(_format_title(matrix.metric), heads, rows, 1, matrix.notes)


def describe_matrices(matrices: Sequence[ScoreMatrix]) -> str:
    """Return the legend of a section's matrices, that of the first one with numbers."""
    matrix = next((matrix for matrix in matrices if matrix.cells), matrices[0])
    shown = {key: cell for key, cell in matrix.cells.items() if not isnan(cell.mean)}
    cells = list(shown.values())
    seeds = sorted({cell.seeds for (name, _), cell in shown.items() if not is_zero_filled(name)})
    spread = (
        f"in brackets sd over {_format_range(seeds)} seeds"
        if max(seeds, default=1) > 1
        else "one seed"
    )
    marks = "; best bold, second underlined" if any(cell.rank for cell in cells) else ""
    used = {MARKS.get(cell.weights) for cell in cells}
    marks += "".join(f"; {text}" for mark, text in _MEANINGS.items() if mark in used)
    marks += "; +steps: of a site on its own weights" if matrix.training else ""
    if any(site == SITE_SPREAD for _, site in matrix.cells):
        marks += "; worst, sd: the worst of the sites' means, and their sd"
    return f"mean over volumes ±sd over volumes, {spread}; convention {matrix.convention}{marks}."


def build_tests_table(tests: ReferenceTests) -> ReportTable:
    """Return the tests against the reference, a row per site and method."""
    digits = tests.metric.digits
    rows = [
        [
            ReportCell(text)
            for text in (
                site, f"{method} {MARKS.get(tests.weights.get((site, method), ''), '')}".strip(),
                str(test.n),
                _format_signed(test.difference, digits),
                _format_interval(test.low, test.high, digits),
                _format_signed(test.effect, 2), _format_p(test.p),
                _format_p(tests.corrected[site, method]), _format_p(test.attainable),
            )
        ]
        for (site, method), test in tests.tests.items()
    ]  # fmt: skip
    heads = ["site", "method", "n", "difference", "interval", "effect", "p", "Holm", "least"]
    title = _format_title(tests.metric, f" against {tests.reference}" if tests.reference else "")
    return ReportTable(title, [*map(ReportCell, heads)], rows, 2, tests.notes)


def _format_title(metric: MetricInfo, against: str = "") -> str:
    directions = {True: ", higher is better", False: ", lower is better", None: ""}
    return f"{metric.label}{against}{directions[metric.higher_is_better]}"


def _build_matrix_cell(matrix: ScoreMatrix, method: str, site: str) -> ReportCell:
    cell = matrix.cells.get((method, site))
    if cell is None:
        return ReportCell(MISSING_CELL)
    digits = matrix.metric.digits
    sd = "" if isnan(cell.sd) else f"±{cell.sd:.{digits}f}"
    seeds = "" if isnan(cell.seed_sd) else f"({cell.seed_sd:.{digits}f})"
    own = MARKS.get(cell.weights, "")
    shown = {WORST_SITE: (cell.at, own), SITE_SPREAD: ()}.get(site, (own, sd, seeds))
    return ReportCell(matrix.metric.format(cell.mean), " ".join(filter(None, shown)), cell.rank)


def _format_training(matrix: ScoreMatrix, method: str) -> str:
    """Return `+20 steps, 4–6 vol.`; empty where its sites trained nothing for themselves."""
    own = [cost for (name, _), cost in matrix.training.items() if name == method]
    if not own:
        return ""
    steps, volumes = (_format_range(sorted(numbers)) for numbers in zip(*own, strict=True))
    return f"+{steps} steps, {volumes} vol."


def _format_volumes(matrix: ScoreMatrix, site: str) -> str:
    """Return `8 volumes`, or `7–8 volumes` where methods differ; empty for the mean of sites."""
    counts = sorted({cell.volumes for key, cell in matrix.cells.items() if key[1] == site})
    if site in SUMMARIES or not counts:
        return ""
    return f"{_format_range(counts)} {'volume' if counts == [1] else 'volumes'}"


def _format_range(numbers: Sequence[int]) -> str:
    low, high = numbers[0], numbers[-1]
    return str(low) if low == high else f"{low}–{high}"


def _format_signed(value: float, digits: int) -> str:
    return f"{value:+.{digits}f}".replace("-", "−")


def _format_interval(low: float, high: float, digits: int) -> str:
    return (
        MISSING_CELL
        if isnan(low)
        else f"[{_format_signed(low, digits)}, {_format_signed(high, digits)}]"
    )


def _format_p(p: float) -> str:
    return f"{p:.3f}" if p >= 0.00095 else f"{p:.0e}"
