"""Reconstructions and error maps: the median, the best and the worst volume of every site."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from flmrcm.reports.collected.comparison import Comparison
from flmrcm.reports.figures.error_maps import ImageArray, ImageGrid, Row, draw_image_grid
from flmrcm.reports.figures.figure_writer import FigureOutcome, FigureWriter, list_writers
from flmrcm.reports.figures.journal_rows import list_sites
from flmrcm.reports.figures.row_filter import select_rows
from flmrcm.reports.figures.saved_volumes import read_middle_slices
from flmrcm.reports.figures.volume_selection import VolumeSelection, select_volumes
from flmrcm.reports.metric_info import metric_info
from flmrcm.reports.numbers.score_cells import sort_methods

MAX_BESIDE = 3
"""With more methods the overview has error maps below the images, not beside them."""

_TITLE = "Reconstructions"
_CAPTION = (
    "Volumes are ranked by PSNR averaged over all methods and seeds. The middle slice; each image "
    "has the grey scale of its target, and all error maps share one scale. Below each error map: "
    "PSNR of the whole volume ({convention}). A method is shown with its first seed that saved "
    "volumes."
)
_MISSING_REASON = (
    "No volume was saved by all methods; test.saved_volumes=null saves all (training)."
)


def draw_volumes(comparison: Comparison, folder: Path) -> list[FigureOutcome]:
    """Draw the median volume of every site, and for each site the median, best and worst."""
    outcomes: list[FigureOutcome] = []
    for writer in list_writers(comparison, folder):
        outcomes.append(writer.attempt(_TITLE, _draw_overview))
        for site in list_sites(comparison, writer.section):
            title = f"{_TITLE} at {site}"
            outcomes.append(writer.attempt(title, partial(_draw_site, title=title, site=site)))
    return outcomes


def _select_volumes(writer: FigureWriter, site: str) -> VolumeSelection:
    rows = writer.comparison.select_scores(writer.section, "psnr")
    return select_volumes(select_rows(rows, site=site), writer.comparison.runs, site)


def _draw_overview(writer: FigureWriter) -> FigureOutcome:
    of_sites = [
        _select_volumes(writer, site) for site in list_sites(writer.comparison, writer.section)
    ]
    selections = [selection for selection in of_sites if selection.volumes]
    if not selections:
        return writer.explain_missing(_TITLE, _MISSING_REASON)
    methods = sort_methods(method for selection in selections for method in selection.images)
    rows = [_build_row(own, own.site, next(iter(own.examples.values()))) for own in selections]
    grid = ImageGrid(rows, methods, "beside" if len(methods) <= MAX_BESIDE else "below")
    first = "One volume per site: the median, or the better of two."
    return writer.write_figure(
        draw_image_grid(grid), "comparison", _TITLE, _format_caption(first, writer, selections)
    )


def _draw_site(writer: FigureWriter, title: str, site: str) -> FigureOutcome:
    selection = _select_volumes(writer, site)
    if not selection.volumes:
        return writer.explain_missing(title, _MISSING_REASON)
    rows = [
        _build_row(selection, f"{name}: {volume}", volume)
        for name, volume in selection.examples.items()
    ]
    figure = draw_image_grid(ImageGrid(rows, list(selection.images), "below"))
    first = f"{site}: {', '.join(selection.examples)} of {len(selection.volumes)} saved volumes."
    caption = _format_caption(first, writer, [selection])
    return writer.write_figure(figure, f"volumes_{site}", title, caption)


def _format_caption(first: str, writer: FigureWriter, selections: Sequence[VolumeSelection]) -> str:
    caption = _CAPTION.format(convention=writer.comparison.convention)
    return " ".join(filter(None, [first, caption, *(own.note for own in selections)]))


def _build_row(selection: VolumeSelection, label: str, volume: str) -> Row:
    """Return the images of a volume; an image of another target, or a damaged one, is left out."""
    psnr = metric_info("psnr")
    images, notes, target = dict[str, ImageArray](), dict[str, str](), None
    for method, own in selection.images.items():
        slices = read_middle_slices(own.files[volume], ("target", own.kind))
        if slices is None:
            continue
        target = slices["target"] if target is None else target
        if np.array_equal(slices["target"], target):
            images[method] = slices[own.kind]
            if volume in own.psnr:
                notes[method] = psnr.format_with_unit(own.psnr[volume])
    empty = np.zeros((1, 1), np.float32)
    return Row(label, empty if target is None else target, images, notes)
