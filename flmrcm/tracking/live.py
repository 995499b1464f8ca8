"""The live view: round, working site, newest scores of every site, speed, time left."""

import logging
import math
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live as RichLive
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from flmrcm.federation.engine import Progress
from flmrcm.federation.journal import Panel
from flmrcm.tracking.live_state import LiveState, SiteLine
from flmrcm.types import Measurement

log = logging.getLogger(__name__)

_SLOW, _WORTH_TELLING = 3, 5.0
"""A round is slow from this multiple of the median on, and short ones, in seconds, don't count."""

_OPERATION_WORDS = {
    "survey": "asking",
    "agree": "agreeing on masks",
    "train": "training",
    "unmask": "unmasking",
    "finetune": "fine-tuning",
    "validate": "validating",
    "test": "testing",
}


class LiveView:
    """Shows progress and journal of a run: a table in a terminal, else a line per round.

    A context manager around the run; the terminal is as before when it ends, also after an error.
    Means are over the sites that trained.

    Args:
        rounds: of the whole run.
        sites: the first rows of the table, in this order.
        first_round: the round that the run begins with, counted from 0.
        console: for the output; standard error by default.
    """

    def __init__(
        self,
        rounds: int,
        sites: Sequence[str],
        first_round: int = 0,
        console: Console | None = None,
    ) -> None:
        self.console = console or Console(stderr=True)
        self.state = LiveState(rounds, first_round, {site: SiteLine() for site in sites})
        self._has_warned = False
        self._view: RichLive | None = None
        if self.console.is_terminal and not self.console.is_dumb_terminal:
            self._view = RichLive(
                get_renderable=lambda: build_view(self.state),
                console=self.console,
                refresh_per_second=4,
            )

    def __enter__(self) -> Self:
        self.state.round_started = time.monotonic()
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
        """Show the progress of a site."""
        self.state.update_progress(progress, time.monotonic())

    def start(self, rows: Sequence[Measurement]) -> None:
        """Fill the table from the rounds before a resume."""
        self.state.update(rows)
        self.state.round_started = time.monotonic()
        if rows:
            self.state.done = max(row.round for row in rows) + 1

    def log(self, rows: Sequence[Measurement]) -> None:
        """Show a round that has ended; the rows of the final test aren't a round."""
        self.state.update(rows)
        rounds = [row.round for row in rows if row.split in ("train", "val")]
        if not rounds:
            return
        self.state.end_round(max(rounds), time.monotonic())
        self._tell_of_a_slow_round()
        if self._view is None:
            text = format_round(self.state, validated=any(row.split == "val" for row in rows))
            self.console.print(text, highlight=False, soft_wrap=True)

    def _tell_of_a_slow_round(self) -> None:
        """Say it once: threads of one process all wait while another program holds one's core."""
        times, seconds = self.state.compare_last_round(), self.state.seconds[-1]
        if self._has_warned or not (times >= _SLOW and seconds >= _WORTH_TELLING):
            return
        self._has_warned = True
        log.warning(
            "round %d took %.0f s, %.0f times as long as those before: is another program at work "
            "here? Then engine=processes, or engine.threads=1, waits least",
            self.state.done, seconds, times,
        )  # fmt: skip

    def close(self, rows: Sequence[Measurement], panels: Mapping[str, Panel]) -> None:
        """Do nothing: the last view stays in the terminal."""


def format_round(state: LiveState, validated: bool) -> Text:
    """Return one line about the round that has ended: mean loss, mean scores, seconds."""
    loss, psnr, ssim = _format_numbers(*state.compute_means())
    scores = f"  val PSNR {psnr}  SSIM {ssim}" if validated else ""
    ended = f"round {state.done:>{len(str(state.rounds))}} of {state.rounds}"
    if state.done > state.rounds:
        ended = "fine-tuned"
    spent = [line.epsilon for line in state.lines.values() if not math.isnan(line.epsilon)]
    privacy = f"  ε {max(spent):.2f}" if spent else ""
    return Text(f"{ended}  loss {loss}{scores}{privacy}  {state.seconds[-1]:.1f} s")


def build_view(state: LiveState) -> RenderableType:
    """Return the current view."""
    now = time.monotonic()
    work = [] if state.done >= state.rounds and state.activity is None else [_build_work_bar(state)]
    return Group("", _build_rounds_bar(state, now), *work, "", _build_table(state), "")


def _build_rounds_bar(state: LiveState, now: float) -> Table:
    bar = ProgressBar(total=state.rounds, completed=state.done)
    if state.done >= state.rounds:
        duration = f"took {_format_seconds(sum(state.seconds))}" if state.seconds else ""
        return _build_bar(f"[bold]{state.rounds} rounds done[/]", bar, duration)
    left = state.estimate_seconds_left(now)
    about = "" if math.isnan(left) else f"{_format_seconds(left)} left"
    return _build_bar(f"[bold]round {state.done + 1} of {state.rounds}[/]", bar, about)


def _build_work_bar(state: LiveState) -> Table:
    progress = state.activity  # read once, since another thread may change it meanwhile
    if progress is None:
        return _build_bar("", Text(), "")
    op, site, done, total, _ = progress
    words = "trained" if state.lines[site].finished else _OPERATION_WORDS[op]
    known = total > 0
    bar = ProgressBar(total=total if known else None, completed=done, pulse=not known)
    speed = state.lines[site].speed
    return _build_bar(f"{words} [cyan]{site}[/]", bar, f"{_format_number(speed, 1)} slices/s")


def _build_bar(label: str, bar: RenderableType, about: str) -> Table:
    line = Table.grid(padding=(0, 2), expand=True)
    line.add_column(width=28, no_wrap=True)
    line.add_column(ratio=1)
    line.add_column(width=17, justify="right", no_wrap=True, style="dim")
    line.add_row(label, bar, about)
    return line


def _build_table(state: LiveState) -> Table:
    table = Table(box=None, padding=(0, 2), pad_edge=False, header_style="dim")
    table.add_column("site", min_width=16, overflow="fold")
    spends = not all(math.isnan(line.epsilon) for line in state.lines.values())
    for name in ("loss", "PSNR dB", "SSIM", "slices/s", *(["ε"] * spends)):
        table.add_column(name, justify="right", min_width=8, no_wrap=True)
    progress = state.activity
    at_work = None if progress is None else progress.site
    for site, line in list(state.lines.items()):
        name = f"{_choose_mark(line, site == at_work)} {site}"
        numbers = _format_numbers(line.loss, line.psnr, line.ssim)
        more = [_format_number(line.epsilon, 2)] * spends
        table.add_row(name, *numbers, _format_number(line.speed, 1), *more)
    means = _format_numbers(*state.compute_means())
    table.add_row("  mean", *means, "", *([""] * spends), style="bold")
    return table


def _choose_mark(line: SiteLine, at_work: bool) -> str:
    if line.finished:
        return "[green]✓[/]"
    return "[cyan]▸[/]" if at_work else " "


def _format_numbers(loss: float, psnr: float, ssim: float) -> tuple[str, str, str]:
    return _format_number(loss, 4), _format_number(psnr, 2), _format_number(ssim, 4)


def _format_number(value: float, digits: int) -> str:
    return "–" if math.isnan(value) else f"{value:.{digits}f}"


def _format_seconds(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
