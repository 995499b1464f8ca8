"""A figure for reports: the volume that each method reconstructs worst."""

from flmrcm.reports.figures.figure_writer import FigureOutcome, FigureWriter, for_each_section
from flmrcm.reports.figures.style import create_axes


@for_each_section("Worst volume")
def draw_worst(writer: FigureWriter) -> FigureOutcome:
    """Draw a bar for each method."""
    scores = writer.section.select_scores("psnr")
    if scores.empty:
        return writer.explain_missing("There are no PSNRs.")
    worst = scores.groupby("method")["value"].min()
    figure, axes = create_axes(1, 1, 6.5, 0.5 + 0.4 * len(worst))
    axes[0, 0].barh(list(worst.index), list(worst))
    axes[0, 0].set_xlabel("PSNR of the worst volume (dB)")
    return writer.write_figure(figure, "worst", "The lowest PSNR of all sites, volumes and seeds.")
