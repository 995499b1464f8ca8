"""All figures of a comparison, in the order a report shows them."""

from collections.abc import Callable
from pathlib import Path

from flmrcm.reports.collected.comparison import Comparison
from flmrcm.reports.figures.accelerations import draw_accelerations
from flmrcm.reports.figures.boxes import draw_boxes
from flmrcm.reports.figures.curves import draw_curves
from flmrcm.reports.figures.discriminators import draw_discriminators
from flmrcm.reports.figures.figure_writer import FigureOutcome
from flmrcm.reports.figures.latents import draw_latents
from flmrcm.reports.figures.traffic import draw_traffic
from flmrcm.reports.figures.volumes import draw_volumes

FIGURES: tuple[Callable[[Comparison, Path], list[FigureOutcome]], ...] = (
    draw_volumes,
    draw_boxes,
    draw_accelerations,
    draw_curves,
    draw_latents,
    draw_discriminators,
    draw_traffic,
)
"""Each draws one kind of figure into a folder and returns what it drew, or why it didn't."""
