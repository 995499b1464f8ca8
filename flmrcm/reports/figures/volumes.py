"""Reconstructions and error maps: the median, the best and the worst volume of every site."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from flmrcm.reports.collected.comparison import Comparison
from flmrcm.reports.figures.error_maps import Image, Sheet, Strip, draw_sheet
from flmrcm.reports.figures.page import Outcome, Page, pages
from flmrcm.reports.figures.saved import middle_slices
from flmrcm.reports.figures.selection import where
from flmrcm.reports.figures.series import sites_of
from flmrcm.reports.figures.showcase import Showcase, showcase
from flmrcm.reports.figures.style import styled
from flmrcm.reports.numbers.matrix import in_order

BESIDE = 3
"""So many kinds of images at most have their errors beside them in the overview, not below."""

_WHAT = "Reconstructions"
_HOW = (
    "Volumes are ranked by PSNR averaged over all methods and seeds. The middle slice, each image "
    "as bright as its target; all error maps have one scale. Below each error map: PSNR of the "
    "whole volume ({convention}). A method is shown with its first seed that saved volumes."
)
_NOTHING = "No volume was saved by all methods; test.saved_volumes=null saves all (training)."


def draw_volumes(comparison: Comparison, folder: Path) -> list[Outcome]:
    """Draws the median volume of every site, and for each site the median, best and worst."""
    return [outcome for page in pages(comparison, folder) for outcome in _draw_section(page)]


@styled
def _draw_section(page: Page) -> list[Outcome]:
    rows, runs = page.comparison.of(page.section, "psnr"), page.comparison.runs
    names = sites_of(page.comparison, page.section)
    sites = [showcase(where(rows, site=name), runs, name) for name in names]
    return [_draw_overview(page, sites), *(_draw_site(page, site) for site in sites)]


def _draw_overview(page: Page, sites: Sequence[Showcase]) -> Outcome:
    sites = [site for site in sites if site.volumes]
    if not sites:
        return page.missing(_WHAT, _NOTHING)
    methods = in_order(method for site in sites for method in site.shown)
    strips = [_strip(site, site.site, next(iter(site.chosen.values()))) for site in sites]
    sheet = Sheet(strips, methods, "beside" if len(methods) <= BESIDE else "below")
    first = "One volume per site: the median; of two the better."
    return page.drawn(draw_sheet(sheet), "comparison", _WHAT, _caption(first, page, sites))


def _draw_site(page: Page, site: Showcase) -> Outcome:
    what = f"{_WHAT} at {site.site}"
    if not site.volumes:
        return page.missing(what, _NOTHING)
    strips = [_strip(site, f"{name}: {volume}", volume) for name, volume in site.chosen.items()]
    figure = draw_sheet(Sheet(strips, list(site.shown), "below"))
    first = f"{site.site}: {', '.join(site.chosen)} of {len(site.volumes)} saved."
    return page.drawn(figure, f"volumes_{site.site}", what, _caption(first, page, [site]))


def _caption(first: str, page: Page, sites: Sequence[Showcase]) -> str:
    how = _HOW.format(convention=page.comparison.convention)
    return " ".join(filter(None, [first, how, *(site.note for site in sites)]))


def _strip(site: Showcase, label: str, volume: str) -> Strip:
    """Images of another target, or that can't be read, leave their places empty."""
    images, notes, target = dict[str, Image](), dict[str, str](), None
    for method, shown in site.shown.items():
        slices = middle_slices(shown.files[volume], ("target", shown.kind))
        if slices is None:
            continue
        target = slices["target"] if target is None else target
        if np.array_equal(slices["target"], target):
            images[method] = slices[shown.kind]
            notes[method] = f"{shown.psnr[volume]:.2f} dB" if volume in shown.psnr else ""
    empty = np.zeros((1, 1), np.float32)
    return Strip(label, empty if target is None else target, images, notes)
