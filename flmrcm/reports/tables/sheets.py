"""Numbers as words in cells: what terminal, page and paper then show, each in its own way."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from typing import NamedTuple

from flmrcm.reports.numbers.against import Against
from flmrcm.reports.numbers.matrix import ALL_SITES, BETTER, Matrix

HEADS = {"psnr": "PSNR (dB)", "ssim": "SSIM", "nmse": "NMSE"}
DIGITS = {"psnr": 2, "ssim": 4, "nmse": 4}
MISSING = "–"

TESTS_LEGEND = (
    "difference: method − reference, mean over the n volumes, each averaged over its seeds; "
    "interval: of 95%, bootstrap (BCa); effect: matched-pairs rank-biserial correlation; p: "
    "Wilcoxon signed-rank, two-sided; Holm: p corrected over the table; least: smallest p that n "
    "volumes can give."
)
"""How to read a sheet of tests."""


class Entry(NamedTuple):
    """One cell.

    Attributes:
        text: what is read first.
        small: what stands below or behind it; may be empty.
        rank: 1 is the best, 2 the second, 0 neither.
    """

    text: str
    small: str = ""
    rank: int = 0


@dataclass(frozen=True)
class Sheet:
    """A table of words.

    Attributes:
        title: of the table.
        heads: of the columns.
        rows: as long as the heads each.
        names: how many columns at the left hold names; the others hold numbers.
        notes: to stand below, one line each.
    """

    title: str
    heads: Sequence[Entry]
    rows: Sequence[Sequence[Entry]]
    names: int
    notes: Sequence[str] = ()


def matrix_sheet(matrix: Matrix) -> Sheet:
    """Gives the site × method matrix: means, and small the spreads, `±volumes (seeds)`."""
    rows = [
        [Entry(method), *(_matrix_entry(matrix, method, site) for site in matrix.sites)]
        for method in matrix.methods
    ]
    heads = [Entry("method"), *(Entry(site, _volumes(matrix, site)) for site in matrix.sites)]
    return Sheet(_title(matrix.metric), heads, rows, 1, matrix.notes)


def matrix_legend(matrix: Matrix) -> str:
    """Gives the line that says how to read a matrix."""
    cells = matrix.cells.values()
    seeds = sorted({cell.seeds for cell in cells})
    said = f"in brackets sd over {_range(seeds)} seeds" if max(seeds, default=1) > 1 else "one seed"
    marks = "; best bold, second underlined" if any(cell.rank for cell in cells) else ""
    return f"mean over volumes ±sd over volumes, {said}; convention {matrix.convention}{marks}."


def tests_sheet(tests: Against) -> Sheet:
    """Gives every test against the reference: a row per site and method."""
    digits = DIGITS[tests.metric]
    rows = [
        [
            Entry(site), Entry(method), Entry(str(test.n)),
            Entry(_signed(test.difference, digits)), Entry(_between(test.low, test.high, digits)),
            Entry(_signed(test.effect, 2)), Entry(_p(test.p)),
            Entry(_p(tests.corrected[site, method])), Entry(_p(test.attainable)),
        ]
        for (site, method), test in tests.tests.items()
    ]  # fmt: skip
    heads = ["site", "method", "n", "difference", "interval", "effect", "p", "Holm", "least"]
    title = _title(tests.metric, f" against {tests.reference}")
    return Sheet(title, [*map(Entry, heads)], rows, 2, tests.notes)


def _title(metric: str, told: str = "") -> str:
    return f"{HEADS[metric]}{told}, {'higher' if BETTER[metric] is max else 'lower'} is better"


def _matrix_entry(matrix: Matrix, method: str, site: str) -> Entry:
    cell = matrix.cells.get((method, site))
    if cell is None:
        return Entry(MISSING)
    digits = DIGITS[matrix.metric]
    sd = "" if isnan(cell.sd) else f"±{cell.sd:.{digits}f}"
    seeds = "" if isnan(cell.seed_sd) else f"({cell.seed_sd:.{digits}f})"
    return Entry(f"{cell.mean:.{digits}f}", " ".join(filter(None, (sd, seeds))), cell.rank)


def _volumes(matrix: Matrix, site: str) -> str:
    """Gives `8 volumes`, or `7–8 volumes` where methods differ; nothing for the mean of sites."""
    counts = sorted({cell.volumes for key, cell in matrix.cells.items() if key[1] == site})
    if site == ALL_SITES or not counts:
        return ""
    return f"{_range(counts)} {'volume' if counts == [1] else 'volumes'}"


def _range(numbers: Sequence[int]) -> str:
    low, high = numbers[0], numbers[-1]
    return str(low) if low == high else f"{low}–{high}"


def _signed(value: float, digits: int) -> str:
    return f"{value:+.{digits}f}".replace("-", "−")


def _between(low: float, high: float, digits: int) -> str:
    return MISSING if isnan(low) else f"[{_signed(low, digits)}, {_signed(high, digits)}]"


def _p(p: float) -> str:
    return f"{p:.3f}" if p >= 0.00095 else f"{p:.0e}"
