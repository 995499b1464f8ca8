"""Runs at a glance, for the terminal: one line each, or one run's page."""

import time
from collections.abc import Sequence
from math import isfinite
from pathlib import Path

from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from flmrcm.config.changes import Change
from flmrcm.reports.collected.labels import shorten_value
from flmrcm.reports.collected.run_overview import RunOverview
from flmrcm.reports.tables.report_tables import MISSING_CELL
from flmrcm.reports.tables.run_listings import find_common_folder, shorten_names
from flmrcm.reports.tables.terminal import build_plain_table

_STYLES = {"done": "green", "running": "cyan", "failed": "red", "damaged": "red"}
_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
PSNR_NOTE = "PSNR: test, mean over the sites that trained; val: last validation, test not over."


def build_overview_table(runs: Sequence[RunOverview], now: float | None = None) -> Table:
    """Return a table with a line for each run, in the order given.

    Args:
        runs: at least one.
        now: seconds since 1970, from which ages count; the clock's by default.
    """
    now = time.time() if now is None else now
    names, below = shorten_names(runs), find_common_folder(runs)
    count = f"{len(runs)} run{'s' * (len(runs) != 1)}"
    table = build_plain_table(f"{count} below {below or '/'}")
    for head in ("run", "state", "strategy", "target"):
        table.add_column(head, overflow="fold")
    for head in ("seed", "PSNR\n(dB)", "age"):
        table.add_column(head, justify="right", no_wrap=True)
    for run in runs:
        seed = MISSING_CELL if run.seed is None else str(run.seed)
        table.add_row(
            Text(names[str(run.folder)]), format_state(run),
            Text(run.method or MISSING_CELL), Text(run.target or MISSING_CELL), seed,
            _format_psnr(run), format_age(now - run.changed),
        )  # fmt: skip
    return table


def format_state(run: RunOverview) -> Text:
    """Return a run's state, and its rounds unless it is done: `stopped 3/50`."""
    done, asked = run.rounds
    text = run.state if run.state in ("done", "damaged") else f"{run.state} {done}/{asked}"
    return Text(text, _STYLES.get(run.state, "yellow"))


def format_age(seconds: float) -> str:
    """Return an age in its largest unit: `3 d`, `2 h`, `7 min`, `0 s`."""
    seconds = max(seconds, 0)
    name, size = next(((n, s) for n, s in _UNITS if seconds >= s), _UNITS[-1])
    return f"{int(seconds // size)} {name}"


def build_changes_table(changes: Sequence[Change]) -> Table:
    """Return a table of the settings that aren't the defaults'."""
    table = build_plain_table("settings that aren't the default's")
    for head in ("setting", "this run", "default"):
        table.add_column(head, overflow="fold")
    for key, value, default in changes:
        was = MISSING_CELL if default is None and value is not None else _format_value(default)
        table.add_row(Text(key), Text(_format_value(value)), Text(was, "dim"))
    return table


def list_files(folder: Path) -> Table:
    """Return a table of what lies in a run's folder: files, and folders with what they hold."""
    table = build_plain_table("files")
    table.add_column("name", overflow="fold")
    table.add_column("files", justify="right")
    table.add_column("size", justify="right")
    for path in sorted(folder.iterdir(), key=lambda path: (path.is_file(), path.name)):
        if path.name.startswith("."):
            continue
        inner = [p for p in path.rglob("*") if p.is_file()] if path.is_dir() else [path]
        size = sum(p.stat().st_size for p in inner)
        count = str(len(inner)) if path.is_dir() else ""
        table.add_row(Text(f"{path.name}{'/' * path.is_dir()}"), count, decimal(size))
    return table


def _format_value(value: object) -> str:
    """Return a value as configs write it; of a class its name alone."""
    if isinstance(value, list):
        return ", ".join(map(_format_value, value))  # pyright: ignore[reportUnknownVariableType]
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return shorten_value(value)


def _format_psnr(run: RunOverview) -> str:
    if run.psnr is None:
        return MISSING_CELL
    value = f"{run.psnr:.2f}" if isfinite(run.psnr) else "nan"
    return value if run.is_tested else f"val {value}"
