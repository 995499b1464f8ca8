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
from flmrcm.reports.numbers.score_matrix import sort_methods

MAX_BESIDE = 3
"""So many kinds of images at most have their errors beside them in the overview, not below."""

_TITLE = "Reconstructions"
_CAPTION = (
    "Volumes are ranked by PSNR averaged over all methods and seeds. The middle slice, each image "
    "as bright as its target; all error maps have one scale. Below each error map: PSNR of the "
    "whole volume ({convention}). A method is shown with its first seed that saved volumes."
)
_MISSING_REASON = (
    "No volume was saved by all methods; test.saved_volumes=null saves all (training)."
)


def draw_volumes(comparison: Comparison, folder: Path) -> list[FigureOutcome]:
    """Draws the median volume of every site, and for each site the median, best and worst."""
    outcomes: list[FigureOutcome] = []
    for writer in list_writers(comparison, folder):
        outcomes.append(writer.attempt(_TITLE, _draw_overview))
        for site in list_sites(comparison, writer.section):
            title = f"{_TITLE} at {site}"
            outcomes.append(writer.attempt(title, partial(_draw_site, title=title, name=site)))
    return outcomes


def _select(page: FigureWriter, site: str) -> VolumeSelection:
    rows = page.comparison.select_scores(page.section, "psnr")
    return select_volumes(select_rows(rows, site=site), page.comparison.runs, site)


def _draw_overview(page: FigureWriter) -> FigureOutcome:
    every = [_select(page, site) for site in list_sites(page.comparison, page.section)]
    sites = [site for site in every if site.volumes]
    if not sites:
        return page.explain_missing(_TITLE, _MISSING_REASON)
    methods = sort_methods(method for site in sites for method in site.shown)
    strips = [_build_row(site, site.site, next(iter(site.chosen.values()))) for site in sites]
    sheet = ImageGrid(strips, methods, "beside" if len(methods) <= MAX_BESIDE else "below")
    first = "One volume per site: the median; of two the better."
    return page.write_figure(
        draw_image_grid(sheet), "comparison", _TITLE, _format_caption(first, page, sites)
    )


def _draw_site(page: FigureWriter, title: str, name: str) -> FigureOutcome:
    site = _select(page, name)
    if not site.volumes:
        return page.explain_missing(title, _MISSING_REASON)
    strips = [_build_row(site, f"{name}: {volume}", volume) for name, volume in site.chosen.items()]
    figure = draw_image_grid(ImageGrid(strips, list(site.shown), "below"))
    first = f"{site.site}: {', '.join(site.chosen)} of {len(site.volumes)} saved."
    return page.write_figure(
        figure, f"volumes_{site.site}", title, _format_caption(first, page, [site])
    )


def _format_caption(first: str, page: FigureWriter, sites: Sequence[VolumeSelection]) -> str:
    how = _CAPTION.format(convention=page.comparison.convention)
    return " ".join(filter(None, [first, how, *(site.note for site in sites)]))


def _build_row(site: VolumeSelection, label: str, volume: str) -> Row:
    """Images of another target, or that can't be read, leave their places empty."""
    psnr = metric_info("psnr")
    images, notes, target = dict[str, ImageArray](), dict[str, str](), None
    for method, shown in site.shown.items():
        slices = read_middle_slices(shown.files[volume], ("target", shown.kind))
        if slices is None:
            continue
        target = slices["target"] if target is None else target
        if np.array_equal(slices["target"], target):
            images[method] = slices[shown.kind]
            if volume in shown.psnr:
                notes[method] = psnr.format_with_unit(shown.psnr[volume])
    empty = np.zeros((1, 1), np.float32)
    return Row(label, empty if target is None else target, images, notes)
