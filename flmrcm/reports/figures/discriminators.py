"""How well each source site's discriminator tells its own latents from the target's."""

from pathlib import Path

from flmrcm.reports.collected.comparison import Comparison
from flmrcm.reports.figures.lines import draw_lines
from flmrcm.reports.figures.page import Outcome, Page, pages
from flmrcm.reports.figures.selection import where
from flmrcm.reports.figures.series import journals
from flmrcm.reports.figures.style import GREYS, grid, leave_empty, legend, looks, styled

ACCURACY = "discriminator_accuracy"
CHANCE = 0.5

_WHAT = "Accuracy of discriminators"
_HOW = (
    "Mean over each round's training steps, source and target counting alike. At 0.5 (dotted) a "
    "discriminator can't tell the two sites apart. Lines: mean over a method's seeds; bands: from "
    "the lowest to the highest seed."
)
_NONE = "No run trained discriminators; only FL-MRCM's forms do."


def draw_discriminators(comparison: Comparison, folder: Path) -> list[Outcome]:
    """Draws one column per source site, one row per target."""
    return [_draw(page) for page in pages(comparison, folder)]


@styled
def _draw(page: Page) -> Outcome:
    rows = journals(page.comparison, page.section, "train", [ACCURACY])
    if rows.empty:
        return page.missing(_WHAT, _NONE)
    sources, targets = sorted(set(rows["site"])), sorted(set(rows["target"]))
    shown = looks(page.comparison, rows["method"])
    figure, axes = grid(len(targets), len(sources), 1.9, 1.5)
    lowest = min(0.4, *rows["value"]) - 0.03
    for line, target in zip(axes, targets, strict=True):
        for axis, source in zip(line, sources, strict=True):
            here = where(rows, site=source, target=target)
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
    legend(figure, shown)
    return page.drawn(figure, "discriminators", _WHAT, _HOW)
