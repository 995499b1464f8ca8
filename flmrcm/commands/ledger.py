"""`flmrcm ledger`: what crossed between the coordinator and the sites, to the byte."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from flmrcm.errors import FlmrcmError
from flmrcm.middleware.ledger import LEDGER, Ledger
from flmrcm.reports.ledger_tables import (
    build_objects_table,
    build_sums_table,
    compare_ledgers,
    describe_images_read,
    find_ledger_runs,
)


def main(words: Sequence[str]) -> None:
    """Print a table and one line on the books for each run."""
    parser = argparse.ArgumentParser(prog="flmrcm ledger", add_help=False)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--objects", action="store_true")
    asked = parser.parse_args(words)
    runs = find_ledger_runs(asked.folders)
    if not runs:
        where = ", ".join(map(str, asked.folders))
        raise FlmrcmError(f"{where}: no run with a ledger below (none holds {LEDGER}).")
    table = build_objects_table if asked.objects else build_sums_table
    console = Console(soft_wrap=True, highlight=False)
    for run in runs:
        entries = Ledger(run / LEDGER).read()
        Console().print(table(entries, str(run)))
        console.print(compare_ledgers(run, entries))
        if images := describe_images_read(run):
            console.print(images)
