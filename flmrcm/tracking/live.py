"""The live view: round, site at work, newest scores of every site, speed, time left."""

import math
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live as RichLive
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from flmrcm.federation.engine import Progress
from flmrcm.tracking.board import Board, SiteLine
from flmrcm.types import Row

_DOING = {"survey": "asking", "train": "training", "evaluate": "judging", "judge": "judging"}


class Live:
    """Watches sites at work and tracks the journal: a view in a terminal, else a line per round.

    Enter it around the run; leaving gives the terminal back as it was, also after an error. The
    means shown are over the sites that trained.

    Args:
        rounds: in all.
        sites: those the table begins with, in its order.
        first_round: the round it begins with, counted from 0.
        console: where to show; standard error when not given.
    """

    def __init__(
        self,
        rounds: int,
        sites: Sequence[str],
        first_round: int = 0,
        console: Console | None = None,
    ) -> None:
        self.console = console or Console(stderr=True)
        self.board = Board(rounds, first_round, {site: SiteLine() for site in sites})
        self._view: RichLive | None = None
        if self.console.is_terminal and not self.console.is_dumb_terminal:
            self._view = RichLive(
                get_renderable=lambda: view(self.board), console=self.console, refresh_per_second=4
            )

    def __enter__(self) -> Self:
        self.board.round_started = time.monotonic()
        if self._view is not None:
            self._view.start(refresh=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._view is not None:
            self._view.stop()

    def __call__(self, progress: Progress) -> None:
        """Shows what a site is doing."""
        self.board.hear(progress, time.monotonic())

    def start(self, rows: Sequence[Row]) -> None:
        """Fills the table from the rounds before a resume."""
        self.board.take(rows)
        self.board.round_started = time.monotonic()
        if rows:
            self.board.done = max(row.round for row in rows) + 1

    def log(self, rows: Sequence[Row]) -> None:
        """Shows a round that ended; the judgement at the end isn't a round."""
        self.board.take(rows)
        ended = [row.round for row in rows if row.split in ("train", "val")]
        if not ended:
            return
        self.board.end_round(max(ended), time.monotonic())
        if self._view is None:
            text = plain_line(self.board, validated=any(row.split == "val" for row in rows))
            self.console.print(text, highlight=False, soft_wrap=True)

    def close(self, rows: Sequence[Row], panels: Mapping[str, Path]) -> None:
        """Leaves the last view standing."""


def plain_line(board: Board, validated: bool) -> Text:
    """Gives the round that just ended in one line: mean loss, validation means, seconds."""
    loss, psnr, ssim = _numbers(*board.means())
    scores = f"  val PSNR {psnr}  SSIM {ssim}" if validated else ""
    ended = f"round {board.done:>{len(str(board.rounds))}} of {board.rounds}"
    return Text(f"{ended}  loss {loss}{scores}  {board.seconds[-1]:.1f} s")


def view(board: Board) -> RenderableType:
    """Gives the whole view as it is now."""
    now = time.monotonic()
    work = [] if board.done >= board.rounds else [_work(board)]
    return Group("", _rounds(board, now), *work, "", _table(board), "")


def _rounds(board: Board, now: float) -> Table:
    bar = ProgressBar(total=board.rounds, completed=board.done)
    if board.done >= board.rounds:
        took = f"took {_clock(sum(board.seconds))}" if board.seconds else ""
        return _strip(f"[bold]{board.rounds} rounds done[/]", bar, took)
    left = board.seconds_left(now)
    about = "" if math.isnan(left) else f"{_clock(left)} left"
    return _strip(f"[bold]round {board.done + 1} of {board.rounds}[/]", bar, about)


def _work(board: Board) -> Table:
    progress = board.now  # read once: the view is drawn by a thread of its own
    if progress is None:
        return _strip("", Text(), "")
    op, site, done, total, _ = progress
    doing = "trained" if board.lines[site].finished else _DOING[op]
    known = total > 0
    bar = ProgressBar(total=total if known else None, completed=done, pulse=not known)
    speed = board.lines[site].speed
    return _strip(f"{doing} [cyan]{site}[/]", bar, f"{_number(speed, 1)} slices/s")


def _strip(label: str, bar: RenderableType, about: str) -> Table:
    strip = Table.grid(padding=(0, 2), expand=True)
    strip.add_column(width=28, no_wrap=True)
    strip.add_column(ratio=1)
    strip.add_column(width=17, justify="right", no_wrap=True, style="dim")
    strip.add_row(label, bar, about)
    return strip


def _table(board: Board) -> Table:
    table = Table(box=None, padding=(0, 2), pad_edge=False, header_style="dim")
    table.add_column("site", min_width=16, no_wrap=True)
    for name in ("loss", "PSNR dB", "SSIM", "slices/s"):
        table.add_column(name, justify="right", min_width=8, no_wrap=True)
    progress = board.now
    at_work = None if progress is None else progress.site
    for site, line in list(board.lines.items()):
        name = f"{_mark(line, site == at_work)} {site}"
        table.add_row(name, *_numbers(line.loss, line.psnr, line.ssim), _number(line.speed, 1))
    table.add_row("  mean", *_numbers(*board.means()), "", style="bold")
    return table


def _mark(line: SiteLine, at_work: bool) -> str:
    if line.finished:
        return "[green]✓[/]"
    return "[cyan]▸[/]" if at_work else " "


def _numbers(loss: float, psnr: float, ssim: float) -> tuple[str, str, str]:
    return _number(loss, 4), _number(psnr, 2), _number(ssim, 4)


def _number(value: float, digits: int) -> str:
    return "–" if math.isnan(value) else f"{value:.{digits}f}"


def _clock(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
