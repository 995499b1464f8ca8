"""Validation scores and training loss over rounds, site by site."""

from pathlib import Path
from typing import cast

import pandas as pd

from flmrcm.learning.metrics import METRICS
from flmrcm.reports.collected.comparison import Comparison
from flmrcm.reports.figures.lines import draw_lines
from flmrcm.reports.figures.page import Outcome, Page, pages
from flmrcm.reports.figures.selection import where
from flmrcm.reports.figures.series import journals, sites_of
from flmrcm.reports.figures.style import (
    HEADS,
    grid,
    leave_empty,
    legend,
    looks,
    name_columns,
    styled,
)

LOSS = "loss"

_WHAT = "Scores over rounds"
_ROWS = {**{metric: f"validation {HEADS[metric]}" for metric in METRICS}, LOSS: "training loss"}
_HOW = (
    "Lines: mean over a method's seeds; bands: from the lowest to the highest seed. Validation on "
    "whole volumes, convention {convention}. The loss is the reconstruction's alone, at sites that "
    "train themselves; where a method was run once for each target, it's the mean of those runs."
)


def draw_curves(comparison: Comparison, folder: Path) -> list[Outcome]:
    """Draws one column per site, one row per score."""
    return [_draw(page) for page in pages(comparison, folder)]


def curve_rows(comparison: Comparison, section: str) -> pd.DataFrame:
    """Gives what the curves show, with the columns of `journals`.

    A run's validation counts at the sites where its test scores count; its loss wherever it
    trained, if the section has that site.
    """
    counting = where(comparison.results, section=section)[["run", "site"]].drop_duplicates()
    validated = journals(comparison, section, "val", METRICS)
    validated = where(validated, convention=comparison.convention).merge(counting)
    trained = journals(comparison, section, "train", [LOSS])
    trained = trained[trained["site"].isin(sites_of(comparison, section))]
    found = [cast(pd.DataFrame, part) for part in (validated, trained) if len(part)]
    return pd.concat(found, ignore_index=True) if found else journals(comparison, section, "", [])


@styled
def _draw(page: Page) -> Outcome:
    rows = curve_rows(page.comparison, page.section)
    if rows.empty:
        return page.missing(_WHAT, "No run's journal.csv holds rounds.")
    sites, shown = sites_of(page.comparison, page.section), looks(page.comparison, rows["method"])
    figure, axes = grid(len(_ROWS), len(sites), 1.9, 1.45)
    for line, (metric, head) in zip(axes, _ROWS.items(), strict=True):
        for axis, site in zip(line, sites, strict=True):
            here = where(rows, metric=metric, site=site)
            if here.empty:
                leave_empty(axis, "not trained" if metric == LOSS else "not validated")
            else:
                draw_lines(axis, here, shown)
        line[0].set_ylabel(head)
    name_columns(axes, sites, "round")
    legend(figure, shown)
    caption = _HOW.format(convention=page.comparison.convention)
    return page.drawn(figure, "curves", _WHAT, caption)
