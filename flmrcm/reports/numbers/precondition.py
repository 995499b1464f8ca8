"""Whether the reference was trained well enough for a ranking to mean anything."""

from collections.abc import Iterator
from math import isnan
from typing import Any

import pandas as pd

from flmrcm.learning.metrics import ZERO_FILLED
from flmrcm.reports.collected.comparison import Section
from flmrcm.reports.numbers.score_cells import average_groups, is_zero_filled

_IMAGE_KEYS = ["run", "site", "volume"]


def compute_gains(rows: pd.DataFrame) -> pd.Series:
    """Return the gain in PSNR over the zero-filled image, by method and site, in dB.

    A mean over volumes and seeds; each volume is compared with the zero-filled image of its run.

    Args:
        rows: PSNR under one convention, zero-filled images included: method, run, site, volume,
            value.
    """
    zero_filled = rows["method"].map(is_zero_filled)
    starts: Any = rows[zero_filled].groupby(_IMAGE_KEYS)["value"].mean()
    ends = rows[~zero_filled].join(starts.rename("start"), on=_IMAGE_KEYS)
    gains: Any = (ends["value"] - ends["start"]).groupby([ends.method, ends.site])
    return average_groups(gains)


def explain_shortfall(section: Section, reference: str, least_gain: float | None) -> str:
    """Return a line that says why nothing is ranked in a section; empty where all is well.

    The reference must gain at least `least_gain` in PSNR over zero-filled images, at every site
    that took part in its training. An unknown gain isn't enough. The other methods may gain less:
    that is a result.

    Args:
        section: of a comparison.
        reference: a method of the section; empty where there is none.
        least_gain: in dB; None sets no condition.
    """
    if least_gain is None or is_zero_filled(reference):
        return ""
    weak = [
        f"{site} ({_format_gain(gain)})"
        for site, gain in _compute_participant_gains(section, reference)
        if gain is None or not gain >= least_gain
    ]
    if not weak:
        return ""
    return (
        f"no ranking and no statistics: {reference} has to gain {least_gain:g} dB PSNR over "
        f"zero-filled at every site it's trained on, and gains less at {', '.join(weak)}."
    )


def _format_gain(gain: float | None) -> str:
    if gain is None:
        return "not tested"
    return "not finite" if isnan(gain) else f"{gain:.2f} dB"


def _compute_participant_gains(section: Section, method: str) -> Iterator[tuple[str, float | None]]:
    """Yield each participating site and its gain in dB; None where it wasn't tested."""
    comparison, rows = section.comparison, section.select_scores("psnr")
    runs = [comparison.runs[folder] for folder in sorted({*rows["run"][rows["method"] == method]})]
    if not runs:
        return
    scores = pd.concat([run.scores.assign(run=str(run.folder)) for run in runs])
    scores = scores.loc[
        (scores["metric"] == "psnr") & (scores["convention"] == comparison.convention)
    ]
    # the runs of one method may have had different names when they were tested
    plain = scores["method"].map(lambda name: name if name == ZERO_FILLED else "")
    gains = compute_gains(scores.assign(method=plain)).to_dict()
    for site in sorted({site for run in runs for site in run.participants}):
        yield site, gains.get(("", site))
