"""Reconstructions and error maps: the median, the best and the worst volume of every site."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from flmrcm.learning.metrics import ZERO_FILLED
from flmrcm.reports.collected.comparison import Comparison, list_distinct, select_rows
from flmrcm.reports.collected.finished_runs import Run
from flmrcm.reports.figures.error_maps import ImageArray, ImageGrid, Row, draw_image_grid
from flmrcm.reports.figures.figure_writer import FigureOutcome, FigureWriter
from flmrcm.reports.figures.saved_volumes import find_saved_volumes, read_middle_slices
from flmrcm.reports.metric_info import metric_info
from flmrcm.reports.numbers.score_cells import sort_methods

MAX_BESIDE = 3
"""With more methods the overview has error maps below the images, not beside them."""

_CAPTION = (
    "Volumes are ranked by PSNR averaged over all methods and seeds. The middle slice; each image "
    "has the grey scale of its target, and all error maps share one scale. Below each error map: "
    "PSNR of the whole volume ({convention}). A method is shown with its first seed that saved "
    "volumes."
)
_MISSING_REASON = (
    "No volume was saved by all methods; test.saved_volumes=null saves all (training)."
)


@dataclass(frozen=True)
class MethodImages:
    """A method's images at a site, all from one run.

    Attributes:
        kind: the data set of the saved volumes: reconstruction | input.
        files: saved volumes, by volume.
        psnr: by volume, in dB.
    """

    kind: str
    files: Mapping[str, Path]
    psnr: Mapping[str, float]


@dataclass(frozen=True)
class VolumeSelection:
    """The saved volumes of a site.

    Attributes:
        site: its name.
        images: of each method that saved volumes there.
        without_images: the other methods.
        volumes: that all methods in `images` saved, best first.
        n_volumes: number of volumes with scores.
    """

    site: str
    images: Mapping[str, MethodImages]
    without_images: Sequence[str]
    volumes: Sequence[str]
    n_volumes: int

    @property
    def examples(self) -> dict[str, str]:
        """The median, best and worst volume; each once where there are fewer than three."""
        count = len(self.volumes)
        few = {0: {}, 1: {"only": 0}, 2: {"best": 0, "worst": 1}}
        positions = few.get(count, {"median": count // 2, "best": 0, "worst": count - 1})
        return {name: self.volumes[position] for name, position in positions.items()}

    @property
    def note(self) -> str:
        """Which volumes or methods aren't shown; empty where all are."""
        notes: list[str] = []
        if len(self.volumes) < self.n_volumes:
            notes.append(
                f"all shown methods saved only {len(self.volumes)} of {self.n_volumes} volumes"
            )
        if self.without_images:
            notes.append(f"not shown, saved none: {', '.join(self.without_images)}")
        return f"{self.site}: {'; '.join(notes)}." if notes else ""


def draw_volumes(comparison: Comparison, folder: Path) -> list[FigureOutcome]:
    """Draw the median volume of every site, and for each site the median, best and worst."""
    outcomes: list[FigureOutcome] = []
    for section in comparison.sections:
        writer = FigureWriter(section, folder, "Reconstructions")
        outcomes.append(writer.attempt(_draw_overview))
        for site in section.list_sites():
            of_site = replace(writer, what=f"{writer.what} at {site}")
            outcomes.append(of_site.attempt(partial(_draw_site, site=site)))
    return outcomes


def select_volumes(psnr: pd.DataFrame, runs: Mapping[str, Run], site: str) -> VolumeSelection:
    """Return the saved volumes of a site.

    Args:
        psnr: the rows of the site in the results of a `Comparison`, of one section and convention.
        runs: those of the `Comparison`.
        site: its name.
    """
    rows = psnr.assign(volume=psnr["volume"].str.rsplit("/", n=1).str[-1])
    methods = sort_methods(list_distinct(rows, "method"))
    of_method = {
        method: _find_images(select_rows(rows, method=method), runs, site) for method in methods
    }
    images = {method: own for method, own in of_method.items() if own is not None}
    files = [set(own.files) for own in images.values()]
    common = set.intersection(*files) if files else set[str]()
    without_images = [method for method in methods if method not in images]
    n_volumes = len(list_distinct(rows, "volume"))
    return VolumeSelection(site, images, without_images, rank_volumes(rows, common), n_volumes)


def rank_volumes(psnr: pd.DataFrame, among: Collection[str]) -> list[str]:
    """Return the volumes among these that every method reconstructed, best first.

    Ranked by PSNR averaged over seeds, then over methods, so that each method counts once;
    zero-filled images don't count where there are others. Volumes for which a method has no finite
    score, as NaN weights give, come last.
    """
    rows = psnr.loc[psnr["volume"].isin(list(among))]
    counts: Any = rows.groupby(["volume", "method"]).size().unstack()
    shared = counts.dropna().index
    trained = rows.loc[rows["name"] != ZERO_FILLED]
    own = rows if trained.empty else trained
    values: Any = own.groupby(["volume", "method"])["value"].mean().unstack()
    missing = values.isna().sum(axis="columns")
    means = values.mean(axis="columns").fillna(0.0)
    return sorted(shared, key=lambda volume: (missing[volume], -means[volume], volume))


def _select_volumes(writer: FigureWriter, site: str) -> VolumeSelection:
    rows = writer.section.select_scores("psnr")
    return select_volumes(select_rows(rows, site=site), writer.comparison.runs, site)


def _draw_overview(writer: FigureWriter) -> FigureOutcome:
    of_sites = [_select_volumes(writer, site) for site in writer.section.list_sites()]
    selections = [selection for selection in of_sites if selection.volumes]
    if not selections:
        return writer.explain_missing(_MISSING_REASON)
    methods = sort_methods(method for selection in selections for method in selection.images)
    rows = [_build_row(own, own.site, next(iter(own.examples.values()))) for own in selections]
    grid = ImageGrid(rows, methods, "beside" if len(methods) <= MAX_BESIDE else "below")
    first = "One volume per site: the median, or the better of two."
    return writer.write_figure(
        draw_image_grid(grid), "comparison", _format_caption(first, writer, selections)
    )


def _draw_site(writer: FigureWriter, site: str) -> FigureOutcome:
    selection = _select_volumes(writer, site)
    if not selection.volumes:
        return writer.explain_missing(_MISSING_REASON)
    rows = [
        _build_row(selection, f"{name}: {volume}", volume)
        for name, volume in selection.examples.items()
    ]
    figure = draw_image_grid(ImageGrid(rows, list(selection.images), "below"))
    first = f"{site}: {', '.join(selection.examples)} of {len(selection.volumes)} saved volumes."
    caption = _format_caption(first, writer, [selection])
    return writer.write_figure(figure, f"volumes_{site}", caption)


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


def _find_images(rows: pd.DataFrame, runs: Mapping[str, Run], site: str) -> MethodImages | None:
    """Return the images of the first seed that saved volumes; None where none did."""
    kind = "input" if ZERO_FILLED in set(rows["name"]) else "reconstruction"
    for folder in list_distinct(rows.sort_values(["seed", "run"], kind="stable"), "run"):
        if files := find_saved_volumes(runs[folder], site):
            own = select_rows(rows, run=folder)
            return MethodImages(kind, files, dict(zip(own["volume"], own["value"], strict=True)))
    return None
