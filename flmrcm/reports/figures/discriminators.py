"""How well each source site's discriminator tells its own latents from the target's."""

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
    "Mean over each round's training steps, source and target counting alike. At 0.5 (dotted) a "
    "discriminator can't tell the two sites apart. Lines: mean over a method's seeds; bands: from "
    "the lowest to the highest seed."
)
_MISSING_REASON = "No run trained discriminators; only FL-MRCM's forms do."


def draw_discriminators(comparison: Comparison, folder: Path) -> list[FigureOutcome]:
    """Draws one column per source site, one row per target."""
    return draw_each_section(_TITLE, _draw_figure, comparison, folder)


def _draw_figure(page: FigureWriter) -> FigureOutcome:
    rows = read_journals(page.comparison, page.section, "train", [ACCURACY])
    if rows.empty:
        return page.explain_missing(_TITLE, _MISSING_REASON)
    sources, targets = sorted(set(rows["site"])), sorted(set(rows["target"]))
    shown = assign_looks(page.comparison, rows["method"])
    figure, axes = create_axes(len(targets), len(sources), 1.9, 1.5)
    lowest = min(0.4, *rows["value"]) - 0.03
    for line, target in zip(axes, targets, strict=True):
        for axis, source in zip(line, sources, strict=True):
            here = select_rows(rows, site=source, target=target)
            if here.empty:
                leave_empty(axis, "")
                continue
            axis.axhline(CHANCE, color=GREYS[0], ls=":", lw=1)
            draw_lines(axis, here, shown)
            axis.set_ylim(lowest, 1.03)
            axis.set_title(f"{source} or {target}?")
        line[0].set_ylabel("accuracy")
    for axis in axes[-1]:
        axis.set_xlabel("round")
    add_legend(figure, shown)
    return page.write_figure(figure, "discriminators", _TITLE, _CAPTION)
