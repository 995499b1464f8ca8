"""Accuracy of each source site's discriminator: is a latent its own or the target's?"""

from pathlib import Path

from flmrcm.reports.collected.comparison import Comparison
from flmrcm.reports.figures.figure_writer import FigureOutcome, FigureWriter, draw_each_section
from flmrcm.reports.figures.journal_rows import read_journals
from flmrcm.reports.figures.lines import draw_lines
from flmrcm.reports.figures.row_filter import select_rows
from flmrcm.reports.figures.style import (
    GREYS,
    add_legend,
    assign_looks,
    create_axes,
    leave_empty,
)

ACCURACY = "discriminator_accuracy"
CHANCE = 0.5

_TITLE = "Accuracy of discriminators"
_CAPTION = (
    "Mean over each round's training steps; source and target count equally. At 0.5 (dotted) a "
    "discriminator is no better than chance. Lines: mean over a method's seeds; bands: from the "
    "lowest to the highest seed."
)
_MISSING_REASON = "No run trained discriminators; only the forms of FL-MRCM do."


def draw_discriminators(comparison: Comparison, folder: Path) -> list[FigureOutcome]:
    """Draw one column per source site, one row per target."""
    return draw_each_section(_TITLE, _draw_figure, comparison, folder)


def _draw_figure(writer: FigureWriter) -> FigureOutcome:
    rows = read_journals(writer.comparison, writer.section, "train", [ACCURACY])
    if rows.empty:
        return writer.explain_missing(_TITLE, _MISSING_REASON)
    sources, targets = sorted(set(rows["site"])), sorted(set(rows["target"]))
    looks = assign_looks(writer.comparison, rows["method"])
    figure, axes = create_axes(len(targets), len(sources), 1.9, 1.5)
    lowest = min(0.4, *rows["value"]) - 0.03
    for axes_row, target in zip(axes, targets, strict=True):
        for axis, source in zip(axes_row, sources, strict=True):
            own = select_rows(rows, site=source, target=target)
            if own.empty:
                leave_empty(axis, "")
                continue
            axis.axhline(CHANCE, color=GREYS[0], ls=":", lw=1)
            draw_lines(axis, own, looks)
            axis.set_ylim(lowest, 1.03)
            axis.set_title(f"{source} or {target}?")
        axes_row[0].set_ylabel("accuracy")
    for axis in axes[-1]:
        axis.set_xlabel("round")
    add_legend(figure, looks)
    return writer.write_figure(figure, "discriminators", _TITLE, _CAPTION)
