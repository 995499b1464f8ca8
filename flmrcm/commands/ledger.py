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

HELP = """usage: flmrcm ledger FOLDER [FOLDER ...] [--objects]

Reads the border ledgers of the runs below the folders, and prints objects and bytes by site,
task and kind, each way; then whether the sites' own books hold the same.

  --objects   each distinct object instead: name, shape, type, how often it crossed

Every crossing is a line of RUN/ledger.csv, and of RUN/sites/SITE/ledger.csv on the site's side.
"""


def main(words: Sequence[str]) -> None:
    """Prints a table and one line on the books for each run."""
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
