"""Which saved volumes of a site can be shown, and in which order."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from flmrcm.learning.metrics import ZERO_FILLED
from flmrcm.reports.collected.finished_runs import Run
from flmrcm.reports.figures.row_filter import list_distinct, select_rows
from flmrcm.reports.figures.saved_volumes import find_saved_volumes
from flmrcm.reports.numbers.score_matrix import sort_methods


@dataclass(frozen=True)
class MethodImages:
    """A method's images at a site, all from one run.

    Attributes:
        kind: data set of the saved volumes: a method's reconstructions, or their inputs.
        files: by volume.
        psnr: by volume, in dB.
    """

    kind: str
    files: Mapping[str, Path]
    psnr: Mapping[str, float]


@dataclass(frozen=True)
class VolumeSelection:
    """What can be shown of a site.

    Attributes:
        site: its name.
        shown: by method, those that saved volumes there.
        unsaved: the methods that didn't.
        volumes: saved by all of `shown`, best first.
        judged: how many volumes have scores.
    """

    site: str
    shown: Mapping[str, MethodImages]
    unsaved: Sequence[str]
    volumes: Sequence[str]
    scored: int

    @property
    def chosen(self) -> dict[str, str]:
        """The median, best and worst volume; each once where there are fewer than three."""
        count = len(self.volumes)
        few = {0: {}, 1: {"only": 0}, 2: {"best": 0, "worst": 1}}
        places = few.get(count, {"median": count // 2, "best": 0, "worst": count - 1})
        return {name: self.volumes[place] for name, place in places.items()}

    @property
    def note(self) -> str:
        """What a reader has to know about the choice; empty where all volumes were saved."""
        notes: list[str] = []
        if len(self.volumes) < self.scored:
            notes.append(
                f"all shown methods saved only {len(self.volumes)} of {self.scored} volumes"
            )
        if self.unsaved:
            notes.append(f"not shown, saved none: {', '.join(self.unsaved)}")
        return f"{self.site}: {'; '.join(notes)}." if notes else ""


def select_volumes(psnr: pd.DataFrame, runs: Mapping[str, Run], site: str) -> VolumeSelection:
    """Gives what can be shown of a site.

    Args:
        psnr: the site's rows of a `Comparison`'s results, of one section and convention.
        runs: as a `Comparison` has them.
        site: the site.
    """
    rows = psnr.assign(volume=psnr["volume"].str.rsplit("/", n=1).str[-1])
    methods = sort_methods(list_distinct(rows, "method"))
    found = {
        method: _find_images(select_rows(rows, method=method), runs, site) for method in methods
    }
    shown = {method: images for method, images in found.items() if images is not None}
    saved = [set(images.files) for images in shown.values()]
    common = set.intersection(*saved) if saved else set[str]()
    unsaved = [method for method in methods if method not in shown]
    return VolumeSelection(
        site, shown, unsaved, rank_volumes(rows, common), len(list_distinct(rows, "volume"))
    )


def rank_volumes(psnr: pd.DataFrame, among: Collection[str]) -> list[str]:
    """Return those of `among` that every method reconstructed, best first.

    By PSNR averaged over seeds, then over methods, so that no method is favoured; zero-filled
    images don't count where there are others. Volumes for which a method has no finite score, as
    NaN weights give, come last.
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
    """Takes the first seed that saved volumes."""
    kind = "input" if ZERO_FILLED in set(rows["name"]) else "reconstruction"
    for folder in list_distinct(rows.sort_values(["seed", "run"], kind="stable"), "run"):
        if files := find_saved_volumes(runs[folder], site):
            own = select_rows(rows, run=folder)
            return MethodImages(kind, files, dict(zip(own["volume"], own["value"], strict=True)))
    return None
