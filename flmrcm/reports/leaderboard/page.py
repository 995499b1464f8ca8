"""The leaderboard: a page of Markdown, made of files of results and nothing else."""

from collections.abc import Iterator, Mapping, Sequence
from math import isnan
from pathlib import Path

from flmrcm.config.benchmark import Protocol
from flmrcm.config.build import Builder
from flmrcm.config.learner import build_metrics
from flmrcm.files import write_atomically
from flmrcm.learning.metrics import ZERO_FILLED, describe_metrics
from flmrcm.reports.leaderboard.figure import CAPTION, draw_quality
from flmrcm.reports.leaderboard.result_file import Result
from flmrcm.reports.leaderboard.standings import Board, build_board
from flmrcm.reports.metric_info import MetricInfo, metric_info, sort_metrics
from flmrcm.reports.tables.documents import format_markdown
from flmrcm.reports.tables.report_tables import MISSING_CELL, ReportCell, ReportTable

_PSNR = metric_info("psnr")


def write_page(protocol: Protocol, results: Sequence[Result], path: Path) -> None:
    """Write the leaderboard, and its figure in `results/` beside it.

    Args:
        protocol: the benchmark's.
        results: of any methods and models.
        path: of the page.
    """
    boards = {
        model: [
            build_board(protocol, [r for r in results if r.about.model == model], task, setting)
            for task, of_task in protocol.tasks.items()
            for setting in of_task.settings
        ]
        for model in protocol.models
    }
    parts = [*_introduce(protocol, results)]
    first = [
        (model, board)
        for model, each in boards.items()
        for board in each
        if board.results and board.task == next(iter(protocol.tasks))
    ]
    if first:
        figure = path.parent / "results" / f"leaderboard_{protocol.name}.png"
        draw_quality(first, figure)
        parts += [f"![Quality against bytes](results/{figure.name})", CAPTION]
    infos = _describe_metrics(protocol)
    for model, each in boards.items():
        if any(board.results or board.notes for board in each):
            parts += [f"## Model: {model}", *_format_overview([b for b in each if b.results])]
            parts += [text for board in each for text in _format_board(protocol, board, infos)]
    parts += _list_files(results)
    write_atomically(path, "\n\n".join(part.strip("\n") for part in parts if part) + "\n")


def _introduce(protocol: Protocol, results: Sequence[Result]) -> Iterator[str]:
    yield f"# Leaderboard: benchmark {protocol.name}"
    yield (
        f"Made by `flmrcm benchmark page {protocol.name}` of files of results; not to be edited. "
        "What is measured, how the tables\nare read, how a method is added: "
        f"[benchmark.md](benchmark.md). Protocol `{protocol.digest[:12]}`: {protocol.title}."
    )
    if protocol.status == "draft":
        yield "**A draft:** the protocol may still change, and then all runs are made anew."
    if not results:
        yield "No method has been run yet."


def _format_overview(boards: Sequence[Board]) -> Iterator[str]:
    """Yield methods × tasks: the mean over sites, and the worst site's mean."""
    methods = list(dict.fromkeys(name for board in boards for name in board.methods))
    heads = [ReportCell(f"{b.task}, {b.setting}".replace("_", " ")) for b in boards]
    rows = [[ReportCell(m), *(_summarise(board, m) for board in boards)] for m in methods]
    title = "Mean over sites / worst site, PSNR in dB; ▲ ▼ sites significantly better, worse"
    if rows:
        yield format_markdown(ReportTable(title, [ReportCell("method"), *heads], rows, 1))


def _summarise(board: Board, method: str) -> ReportCell:
    if method not in board.results:
        return ReportCell(MISSING_CELL)
    signs = zip("▲▼", board.list_significant(method), strict=True)
    text = (
        f"{_PSNR.format(board.find_mean(method)[0])} / {_PSNR.format(board.find_worst(method)[0])}"
    )
    marks = [f"{sign}{len(sites)}" for sign, sites in signs if sites]
    return ReportCell(" ".join([text, *marks]), rank=_rank(board, method))


def _describe_metrics(protocol: Protocol) -> dict[str, MetricInfo]:
    config = protocol.compose_data(next(iter(protocol.settings)))
    described = describe_metrics(build_metrics(config, Builder()))
    return {name: MetricInfo(name, **about) for name, about in described.items()}


def _format_board(
    protocol: Protocol, board: Board, infos: Mapping[str, MetricInfo]
) -> Iterator[str]:
    if not (board.results or board.notes):
        return
    yield f"### {protocol.tasks[board.task].title} ({board.setting})"
    notes = [*board.notes]
    if board.results:
        known = {name for result in board.results.values() for name in result.metrics}
        others = [metric_info(name, infos) for name in sort_metrics(known - {"psnr"})]
        titles = [info.label for info in others]
        against = f"against {board.reference or MISSING_CELL}"
        heads = ["method", "worst site", "mean", against, *titles, "MB", "steps", "seconds"]
        rows = [_build_row(board, method, others) for method in [ZERO_FILLED, *board.methods]]
        table = ReportTable(", ".join(board.sites), [*map(ReportCell, heads)], rows, 1)
        yield format_markdown(table)
        weights = {m: r.runs[board.runs[0]].weights for m, r in board.results.items()}
        notes += [f"{method}: tested with {text}." for method, text in weights.items() if text]
    yield "\n".join(f"- {note}" for note in notes)


def _build_row(board: Board, method: str, others: Sequence[MetricInfo]) -> list[ReportCell]:
    (worst, where), (mean, spread) = board.find_worst(method), board.find_mean(method)
    cells = [
        ReportCell(method),
        ReportCell(_PSNR.format(worst), where, _rank(board, method, worst=True)),
        ReportCell(
            _PSNR.format(mean), "" if isnan(spread) else f"({spread:.2f})", _rank(board, method)
        ),
    ]
    if method == ZERO_FILLED:
        return [*cells, *[ReportCell(MISSING_CELL)] * (4 + len(others))]
    means = [(info, board.average(method, info.name)) for info in others]
    ratio, megabytes = board.compare_seconds(method), board.measure(method, "bytes") / 1e6
    texts = [
        _describe_tests(board, method),
        *(MISSING_CELL if isnan(value) else info.format(value) for info, value in means),
        f"{megabytes:,.0f}" if megabytes else MISSING_CELL,
        _describe_steps(board, method),
        MISSING_CELL if ratio is None else f"{ratio:.2f}",
    ]
    return [*cells, *map(ReportCell, texts)]


def _describe_steps(board: Board, method: str) -> str:
    """Return the optimizer's steps, and behind a + those for weights of the sites' own."""
    own = board.measure(method, "personal_steps")
    return f"{board.measure(method, 'steps'):.0f}" + (f" + {own:.0f}" if own else "")


def _describe_tests(board: Board, method: str) -> str:
    own = {site: test for (name, site), test in board.tests.items() if name == method}
    if not own:
        return "reference" if method == board.reference else "not tested"
    difference = sum(test.difference for test in own.values()) / len(own)
    signs = zip(("better", "worse"), board.list_significant(method), strict=True)
    said = [f"{sign} at {', '.join(sites)}" for sign, sites in signs if sites]
    least = min(board.corrected[method, site] for site in own)
    text = "; ".join(said) or "no difference shown"
    return f"{difference:+.2f}; {text} (least p {least:.2g})".replace("-", "−", 1)


def _rank(board: Board, method: str, worst: bool = False) -> int:
    """Return 1 for the best method, 2 for the second, else 0; what isn't finite has no rank."""
    if not board.ranked or method == ZERO_FILLED or len(board.results) < 2:
        return 0
    find = board.find_worst if worst else board.find_mean
    if isnan(find(method)[0]):
        return 0
    better = sum(find(other)[0] > find(method)[0] for other in board.results)
    return better + 1 if better < 2 else 0


def _list_files(results: Sequence[Result]) -> Iterator[str]:
    """Yield what the results were made on."""
    rows = [
        [
            each.about.name, each.about.model, each.about.method, str(len(each.runs)),
            each.about.version, "; ".join(sorted({run.machine for run in each.runs.values()})),
            "; ".join(sorted({run.data for run in each.runs.values()})),
        ]
        for each in results
    ]  # fmt: skip
    if rows:
        heads = ["method", "model", "config", "runs", "flmrcm", "machine", "data"]
        cells = [[*map(ReportCell, row)] for row in rows]
        yield format_markdown(ReportTable("Made on", [*map(ReportCell, heads)], cells, 7))
