"""`flmrcm compare`: which method was better, on which site."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from flmrcm.errors import ConfigErrors, FlmrcmError, one_of
from flmrcm.learning.metrics import CONVENTIONS
from flmrcm.reports.error_maps import draw_rows
from flmrcm.reports.runs import finished_runs, read_config
from flmrcm.reports.tables import markdown_table, read_scores, terminal_table

HELP = """usage: flmrcm compare FOLDER [FOLDER ...] [--output FOLDER] [--convention NAME]

Reads finished runs below the folders, never trains. Prints the table method x site, and writes
table.md, all_scores.csv and comparison.png into the output folder (default: FOLDER/compare).

conventions: fastmri (default), published, slice_volume_max, slice_max
"""


def main(words: Sequence[str]) -> None:
    """Prints the table and writes it with a picture."""
    parser = argparse.ArgumentParser(prog="flmrcm compare", add_help=False)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--convention", default="fastmri")
    asked = parser.parse_args(words)
    if problems := one_of("--convention", asked.convention, CONVENTIONS):
        raise ConfigErrors(problems)
    runs = finished_runs(asked.folders)
    if not runs:
        where = ", ".join(map(str, asked.folders))
        raise FlmrcmError(f"{where}: no finished run below (none holds scores.csv and done).")
    output = asked.output or asked.folders[0] / "compare"
    output.mkdir(parents=True, exist_ok=True)
    scores = read_scores(runs)
    scores.to_csv(output / "all_scores.csv", index=False)
    (output / "table.md").write_text(markdown_table(scores, asked.convention))
    Console().print(terminal_table(scores, asked.convention))
    if volumes := saved_volumes(runs):
        shown = {site: volumes[site] for site in dict.fromkeys(scores.site) if site in volumes}
        draw_rows(shown, output / "comparison.png")
    kept = sorted(path.name for path in output.iterdir())
    Console(soft_wrap=True, highlight=False).print(f"written to {output}: {', '.join(kept)}")


def saved_volumes(runs: Sequence[Path]) -> dict[str, dict[str, Path]]:
    """Gives site → method → the first saved volume, of the first run of each method."""
    found: dict[str, dict[str, Path]] = {}
    for run in runs:
        method = read_config(run)["strategy"]["name"]
        for volume in sorted(run.glob("reconstructions/*/*.h5")):
            found.setdefault(volume.parent.name, {}).setdefault(method, volume)
    return found
