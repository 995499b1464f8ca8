"""Who stands where in a benchmark: means, the worst site, and tests against the reference."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isnan
from statistics import median
from typing import Any

import pandas as pd

from flmrcm.config.benchmark import Cell, Protocol
from flmrcm.learning.metrics import METRICS, ZERO_FILLED
from flmrcm.reports.leaderboard.result_file import ZERO_FILLED_PSNR, Result, select_cells
from flmrcm.reports.numbers.pairing import BUDGET_TOLERANCE
from flmrcm.reports.numbers.reference_tests import SIGNIFICANCE_LEVEL
from flmrcm.reports.numbers.score_cells import (
    ALL_SITES,
    NAN,
    ScoreCells,
    average_per_volume,
    compute_cells,
)
from flmrcm.reports.numbers.statistics import PairedTest, holm, run_paired_test

Pair = tuple[str, str]
"""Method and site."""


@dataclass(frozen=True)
class Board:
    """All methods at one task and setting, with one model, by PSNR.

    Attributes:
        task: name of the task.
        setting: name of the setting.
        runs: the cells that each method needs.
        results: by method, those with all runs.
        sites: that are judged.
        cells: by method and site; `zero-filled` is a method here.
        reference: the method that others are tested against; empty where it isn't there.
        tests: by method and site.
        corrected: p after Holm's correction over all tests of the board.
        ranked: whether the reference gains enough for a ranking to mean anything.
        notes: why something isn't shown, ranked or tested.
    """

    task: str
    setting: str
    runs: Sequence[Cell]
    results: Mapping[str, Result]
    sites: Sequence[str] = ()
    cells: ScoreCells = field(default_factory=ScoreCells)
    reference: str = ""
    tests: Mapping[Pair, PairedTest] = field(default_factory=dict[Pair, PairedTest])
    corrected: Mapping[Pair, float] = field(default_factory=dict[Pair, float])
    ranked: bool = True
    notes: Sequence[str] = ()

    @property
    def methods(self) -> list[str]:
        """The methods, the best mean first; by name where nothing is ranked.

        One whose mean isn't finite comes last.
        """
        names = sorted(self.results, key=str.casefold)
        means = {name: self.find_mean(name)[0] for name in names if self.ranked}
        return sorted(names, key=lambda m: (isnan(means[m]), -means[m]) if means else (False, 0.0))

    def find_worst(self, method: str) -> tuple[float, str]:
        """Return the lowest of a method's site means, and where; not-a-number is lower than any."""
        means = [(self.cells[method, site].mean, site) for site in self.sites]
        return min(means, key=lambda worst: (not isnan(worst[0]), *worst))

    def find_mean(self, method: str) -> tuple[float, float]:
        """Return the mean over sites, and its standard deviation over seeds."""
        cell = self.cells[method, ALL_SITES if len(self.sites) > 1 else self.sites[0]]
        return cell.mean, cell.seed_sd

    def list_significant(self, method: str) -> tuple[list[str], list[str]]:
        """Return the sites at which a method is better than the reference, and worse."""
        sure = [s for s in self.sites if self.corrected.get((method, s), 1.0) < SIGNIFICANCE_LEVEL]
        better = [site for site in sure if self.tests[method, site].difference > 0]
        return better, [site for site in sure if site not in better]

    def measure(self, method: str, what: str) -> float:
        """Return the median over a method's runs of what is known of each: `steps`, `bytes`."""
        runs = self.results[method].runs
        return float(median(getattr(runs[cell], what) for cell in self.runs))

    def average(self, method: str, metric: str) -> float:
        """Return the mean over sites of another metric; not-a-number where no site has it.

        So it is where a score of a metric that every volume has isn't finite.
        """
        rows: Any = select_cells(self.results[method].scores, self.runs)
        if metric not in rows or (metric in METRICS and rows[metric].isna().any()):
            return NAN
        return float(rows.groupby("site")[metric].mean().mean())

    def compare_seconds(self, method: str) -> float | None:
        """Return a method's seconds relative to the reference's; None without a common machine."""
        if not self.reference:
            return None
        pairs = [
            tuple(self.results[m].runs[c] for m in (method, self.reference)) for c in self.runs
        ]
        ratios = [
            own.seconds / other.seconds
            for own, other in pairs
            if own.machine == other.machine and own.seconds > 0 < other.seconds
        ]
        return median(ratios) if ratios else None


def build_board(protocol: Protocol, results: Sequence[Result], task: str, setting: str) -> Board:
    """Return the standings of one model's results at a task and setting.

    Args:
        protocol: the benchmark's.
        results: of one model; those of one name are told apart by their methods.
        task: name of the task.
        setting: name of the setting.
    """
    runs = [c for c in protocol.list_cells() if (c.task, c.setting) == (task, setting)]
    named = _name_results(results)
    counts = {name: sum(cell in each.runs for cell in runs) for name, each in named.items()}
    notes = [
        f"{name}: {count} of {len(runs)} runs; not shown."
        for name, count in counts.items()
        if 0 < count < len(runs)
    ]
    whole = {name: each for name, each in named.items() if counts[name] == len(runs)}
    board = Board(task, setting, runs, whole, notes=notes)
    if not whole:
        return board
    # zero-filled images are the same whoever's results they come from
    columns = [(ZERO_FILLED, next(iter(whole.values())), ZERO_FILLED_PSNR)]
    columns += [(name, each, "psnr") for name, each in whole.items()]
    rows = pd.concat([_label(name, each, runs, column) for name, each, column in columns])
    sites = sorted(set(rows["site"]))
    names = [name for name, each in whole.items() if each.about.method == protocol.reference]
    cells = compute_cells(rows, sites)
    board = replace(board, sites=sites, cells=cells, reference=next(iter(names), ""))
    if weak := _find_weak_reference(protocol, board):
        return replace(board, ranked=False, notes=[*notes, weak])
    steps = {name: _count_steps(protocol, each, runs) for name, each in whole.items()}
    return _test(board, average_per_volume(rows), steps) if board.reference else board


def _count_steps(protocol: Protocol, result: Result, runs: Sequence[Cell]) -> float:
    """Return the median steps of a method's runs, those of the runs that they go on from too."""
    known, counts = result.runs, list[int]()
    for cell in runs:
        start = None if protocol.tasks[cell.task].evaluates else protocol.find_start(cell)
        before = known.get(start) if start else None
        counts.append(known[cell].steps + (before.steps if before else 0))
    return float(median(counts))


def _name_results(results: Sequence[Result]) -> dict[str, Result]:
    """Return results by their names; where two have one name, its method stands beside it."""
    names = Counter(each.about.name for each in results)
    named: dict[str, Result] = {}
    for each in results:
        name, method = each.about.name, each.about.method
        name = f"{name} ({method})" if names[name] > 1 else name
        alike = sum(known == name or known.startswith(f"{name}, file ") for known in named)
        named[f"{name}, file {alike + 1}" if alike else name] = each
    return named


def _label(name: str, result: Result, runs: Sequence[Cell], column: str) -> pd.DataFrame:
    rows = select_cells(result.scores, runs)
    about = {"method": name, "weights": "", "value": rows[column]}
    return rows[["site", "volume", "seed"]].assign(**about)


def _find_weak_reference(protocol: Protocol, board: Board) -> str:
    """Return a note where the reference gains too little at the sites that it trained at."""
    task = protocol.tasks[board.task]
    if not board.reference or task.judged == "target" or task.after:
        return ""
    gains = {
        site: board.cells[board.reference, site].mean - board.cells[ZERO_FILLED, site].mean
        for site in board.sites
    }
    weak = [
        f"{site} {gain:+.2f} dB" for site, gain in gains.items() if not gain >= protocol.least_gain
    ]
    asked = f"{protocol.least_gain:g} dB over zero-filled at each site"
    text = f"**No ranking:** {board.reference} has to gain {asked}, and gains {', '.join(weak)}."
    return text if weak else ""


def _test(board: Board, values: Any, steps: Mapping[str, float]) -> Board:
    """Return a board with every method's tests against the reference.

    Args:
        board: with a reference.
        values: by method, site and volume, averaged over seeds.
        steps: by method.
    """
    tests, notes, usual = dict[Pair, PairedTest](), [*board.notes], steps[board.reference]
    for method in (name for name in board.methods if name != board.reference):
        own = steps[method]
        if max(own, usual) > min(own, usual) * (1 + BUDGET_TOLERANCE):
            notes.append(f"{method}: not tested: {own:.0f} optimizer steps, not {usual:.0f}.")
            continue
        for site in board.sites:
            first = values.loc[method, site]
            first, second = first.align(values.loc[board.reference, site])  # by the volumes' names
            if first.isna().any() or second.isna().any():
                notes.append(f"{method}: not tested at {site}: scores that aren't finite.")
            else:
                tests[method, site] = run_paired_test(first.to_numpy(), second.to_numpy())
    corrected = holm([test.p for test in tests.values()]).tolist()
    board = replace(board, tests=tests, corrected=dict(zip(tests, corrected, strict=True)))
    return replace(board, notes=[*notes, *_describe_tests(board)])


def _describe_tests(board: Board) -> Iterator[str]:
    """Yield how small p can be, whether anything is significant, and what is yet small."""
    tests, corrected = board.tests, board.corrected
    if not tests:
        return
    lowest = min(1.0, min(test.attainable for test in tests.values()) * len(tests))
    family = "1 test" if len(tests) == 1 else f"{len(tests)} tests"
    yield f"Holm over {family}: no corrected p can be below {lowest:.2g}."
    if min(corrected.values()) >= SIGNIFICANCE_LEVEL:
        told = f"no method can be told from {board.reference}"
        yield f"**Nothing here is significant at 5 %:** {told}."
    small = [
        f"{method} at {site}"
        for (method, site), test in tests.items()
        if corrected[method, site] < SIGNIFICANCE_LEVEL
        and abs(test.difference) < board.cells[board.reference, site].seed_sd
    ]
    if small:
        spread = f"smaller than {board.reference}'s spread over seeds"
        yield f"{', '.join(small)}: significant over volumes, but {spread}."
