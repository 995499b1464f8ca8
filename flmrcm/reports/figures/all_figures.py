"""All figures of a comparison, in the order a report shows them."""

from flmrcm.reports.figures.accelerations import draw_accelerations
from flmrcm.reports.figures.boxes import draw_boxes
from flmrcm.reports.figures.curves import draw_curves, draw_discriminators
from flmrcm.reports.figures.figure_writer import Drawing
from flmrcm.reports.figures.latents import draw_latents
from flmrcm.reports.figures.scores_over_bytes import draw_scores_over_bytes
from flmrcm.reports.figures.traffic import draw_traffic
from flmrcm.reports.figures.volumes import draw_volumes

FIGURES: tuple[Drawing, ...] = (
    draw_volumes,
    draw_boxes,
    draw_accelerations,
    draw_curves,
    draw_latents,
    draw_discriminators,
    draw_traffic,
    draw_scores_over_bytes,
)
