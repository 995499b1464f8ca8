"""The saved volumes of a site that can be shown, from best to worst."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from flmrcm.learning.metrics import ZERO_FILLED
from flmrcm.reports.collected.finished_runs import Run
from flmrcm.reports.figures.row_filter import list_distinct, select_rows
from flmrcm.reports.figures.saved_volumes import find_saved_volumes
from flmrcm.reports.numbers.score_cells import sort_methods


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


def _find_images(rows: pd.DataFrame, runs: Mapping[str, Run], site: str) -> MethodImages | None:
    """Return the images of the first seed that saved volumes; None where none did."""
    kind = "input" if ZERO_FILLED in set(rows["name"]) else "reconstruction"
    for folder in list_distinct(rows.sort_values(["seed", "run"], kind="stable"), "run"):
        if files := find_saved_volumes(runs[folder], site):
            own = select_rows(rows, run=folder)
            return MethodImages(kind, files, dict(zip(own["volume"], own["value"], strict=True)))
    return None
