"""`flmrcm ledger`: all objects and bytes that coordinator and sites sent each other."""

from collections.abc import Sequence
from pathlib import Path

from flmrcm.commands.flags import FlagParser
from flmrcm.errors import FlmrcmError
from flmrcm.logs import say
from flmrcm.middleware.ledger import LEDGER, Ledger
from flmrcm.reports.ledger_tables import (
    build_objects_table,
    build_sums_table,
    compare_ledgers,
    describe_images_read,
    find_ledger_runs,
)
from flmrcm.reports.tables.fitting import print_whole


def main(words: Sequence[str]) -> None:
    """Print for each run a table, and a line that compares the ledgers of both sides.

    Raises:
        FlmrcmError: no run has a ledger, or no ledger can be read.
    """
    parser = FlagParser("ledger")
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--objects", action="store_true")
    options = parser.parse_args(words)
    runs = find_ledger_runs(options.folders)
    if not runs:
        where = ", ".join(map(str, options.folders))
        raise FlmrcmError(f"{where}: no run with a ledger below (none holds {LEDGER}).")
    damaged = [problem for run in runs if (problem := _show_run(run, options.objects))]
    if len(damaged) == len(runs):
        raise FlmrcmError("\n".join(damaged))
    for problem in damaged:
        say(f"not shown: {problem}", style="yellow")


def _show_run(run: Path, objects: bool) -> str:
    """Print a run's ledger; return why it can't be read, or an empty string."""
    try:
        entries = Ledger(run / LEDGER).read()
    except FlmrcmError as error:
        return str(error)
    build_table = build_objects_table if objects else build_sums_table
    print_whole(build_table(entries, str(run)))
    say(compare_ledgers(run, entries))
    if images := describe_images_read(run):
        say(images)
    return ""
