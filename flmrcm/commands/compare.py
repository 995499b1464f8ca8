"""`flmrcm compare`: which method was better, on which site."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from flmrcm.errors import FlmrcmError
from flmrcm.reports.error_maps import draw_rows
from flmrcm.reports.tables import markdown_table, read_scores, terminal_table
from flmrcm.runs.folder import RunFolder

HELP = """usage: flmrcm compare FOLDER [FOLDER ...] [--output FOLDER] [--convention NAME]

Reads finished runs below the folders, never trains. Prints the table method x site, and writes
table.md, scores.csv and comparison.png into the output folder (default: FOLDER/compare).

conventions: fastmri (default), published, slice_volume_max, slice_max
"""


def main(words: Sequence[str]) -> None:
    """Prints the table and writes it with a picture."""
    parser = argparse.ArgumentParser(prog="flmrcm compare", add_help=False)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--convention", default="fastmri")
    asked = parser.parse_args(words)
    output = asked.output or asked.folders[0] / "compare"
    scores = read_scores(asked.folders)
    output.mkdir(parents=True, exist_ok=True)
    scores.to_csv(output / "scores.csv", index=False)
    (output / "table.md").write_text(markdown_table(scores, asked.convention))
    Console().print(terminal_table(scores, asked.convention))
    draw_rows(saved_volumes(asked.folders), output / "comparison.png")
    Console(soft_wrap=True).print(f"written: {output}/table.md, scores.csv, comparison.png")


def saved_volumes(folders: Sequence[Path]) -> dict[str, dict[str, Path]]:
    """Gives site → method → the first saved volume, of the first run of each method.

    Raises:
        FlmrcmError: no run kept reconstructions.
    """
    found: dict[str, dict[str, Path]] = {}
    for done in sorted(path for folder in folders for path in folder.glob("**/done")):
        run = RunFolder(done.parent)
        method = run.read_config().strategy.name
        for volume in sorted(run.path.glob("reconstructions/*/*.h5")):
            found.setdefault(volume.parent.name, {}).setdefault(method, volume)
    if not found:
        raise FlmrcmError(f"{folders[0]}: no run kept reconstructions (test.saved_volumes=0).")
    return found
