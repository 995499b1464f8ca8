"""Output of `flmrcm prepare`: its progress with the time left, then a table."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from flmrcm.data.source import SPLITS
from flmrcm.prepare.volume_task import VolumeOutcome, VolumeTask

log = logging.getLogger(__name__)

_MAX_LINES = 20
"""Number of skipped files that are named; the others are only counted."""


def show_progress(outcomes: Iterable[VolumeOutcome], total: int) -> Iterator[VolumeOutcome]:
    """Yield the same outcomes and show the progress: a bar in a terminal, else some log lines."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    if not console.is_terminal:
        yield from _log_progress(outcomes, total)
        return
    columns = (
        TextColumn("preparing"), BarColumn(), MofNCompleteColumn(), TextColumn("volumes,"),
        TimeRemainingColumn(), TextColumn("left"),
    )  # fmt: skip
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("", total=total)
        for outcome in outcomes:
            if outcome.problem:
                progress.console.print(f"skipped: {outcome.line}", markup=False)
            progress.advance(bar)
            yield outcome


def _log_progress(outcomes: Iterable[VolumeOutcome], total: int) -> Iterator[VolumeOutcome]:
    step = max(1, total // 10)
    for count, outcome in enumerate(outcomes, 1):
        if outcome.problem:
            log.warning("skipped: %s", outcome.line)
        if count % step == 0 or count == total:
            log.info("prepared %d of %d volumes", count, total)
        yield outcome


def log_skipped(lines: Sequence[str]) -> None:
    """Log why files can't be used; of many files only the first ones are named."""
    for line in lines[:_MAX_LINES]:
        log.warning("skipped: %s", line)
    if len(lines) > _MAX_LINES:
        log.warning("skipped: %d more of this kind", len(lines) - _MAX_LINES)


def build_prepared_table(
    tasks: Sequence[VolumeTask], rows: Mapping[str, Mapping[str, Any]]
) -> Table:
    """Return volumes by split, and slices, of each site and contrast.

    Args:
        tasks: every volume of the output.
        rows: of the journal, by volume; a volume without one is missing.
    """

    def count(own: Sequence[VolumeTask]) -> Sequence[int]:
        done = [task for task in own if task.volume in rows]
        kept = sum(rows[task.volume]["slices"] for task in done)
        dropped = sum(sum(rows[task.volume]["dropped"].values()) for task in done)
        return *_count_splits(done), len(own) - len(done), kept, dropped

    title = "volumes by split; slices kept, and empty ones dropped"
    return _build_table(title, ("missing", "slices", "dropped"), tasks, count)


def build_planned_table(tasks: Sequence[VolumeTask], done: Mapping[str, object]) -> Table:
    """Return what a call would prepare: volumes by split, and how many of them are done."""

    def count(own: Sequence[VolumeTask]) -> Sequence[int]:
        subjects = len({task.patient for task in own})
        return *_count_splits(own), subjects, sum(task.volume in done for task in own)

    title = "what would be prepared: volumes by split"
    return _build_table(title, ("subjects", "done before"), tasks, count)


def _build_table(
    title: str,
    heads: Sequence[str],
    tasks: Sequence[VolumeTask],
    count: Callable[[Sequence[VolumeTask]], Sequence[int]],
) -> Table:
    """Return a row for each site and contrast: volumes by split, and what stands under `heads`."""
    table = Table(title=title)
    for head in ("site", "contrast"):
        table.add_column(head)
    for head in (*SPLITS, *heads):
        table.add_column(head, justify="right")
    for site, contrast in dict.fromkeys((t.site, t.found.contrast) for t in tasks):
        own = [task for task in tasks if (task.site, task.found.contrast) == (site, contrast)]
        # plain text: a name may look like markup
        table.add_row(Text(site), Text(contrast), *map(str, count(own)))
    return table


def _count_splits(tasks: Sequence[VolumeTask]) -> list[int]:
    splits = Counter(task.split for task in tasks)
    return [splits[split] for split in SPLITS]
