"""Were the federated runs trained well enough for a ranking to mean anything?"""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from flmrcm.learning.metrics import ZERO_FILLED
from flmrcm.reports.collected.comparison import Comparison
from flmrcm.reports.collected.runs import Run
from flmrcm.reports.numbers.matrix import is_zero_filled

_IMAGE = ["run", "site", "volume"]


def gain_over_zero_filled(rows: pd.DataFrame) -> pd.Series:
    """Gives how far each method is above the image it started from, by method and site, in dB.

    The mean over volumes and seeds, each against the zero-filled image of its own run.

    Args:
        rows: PSNR in one convention: method, run, site, volume, value; zero-filled among them.
    """
    starts = rows["method"].map(is_zero_filled)
    started: Any = rows[starts].groupby(_IMAGE)["value"].mean()
    reached = rows[~starts].join(started.rename("start"), on=_IMAGE)
    gains: Any = (reached["value"] - reached["start"]).groupby([reached.method, reached.site])
    return gains.mean()


def shortfall(comparison: Comparison, section: str, least_gain: float | None) -> str:
    """Gives a line that says which methods are too weak for a section to be ranked.

    Every method with federated runs in the section has to gain at least so much over zero-filled,
    in PSNR, at every site that took part in their training. What can't be checked isn't met.

    Args:
        comparison: of runs.
        section: one of its sections.
        least_gain: dB; None asks for nothing.

    Returns:
        str: empty where all is well.
    """
    if least_gain is None:
        return ""
    weak: dict[str, list[str]] = {}
    for method, runs in _federated(comparison, section).items():
        for site, gain in _gains_at_participants(runs, comparison.convention):
            if not gain >= least_gain:
                gained = f"{gain:.2f} dB" if pd.notna(gain) else "not judged"
                weak.setdefault(method, []).append(f"{site} {gained}")
    if not weak:
        return ""
    gains = ", ".join(f"{method} ({', '.join(sites)})" for method, sites in weak.items())
    return (
        "no ranking and no statistics: at participating sites federated runs have to gain "
        f"{least_gain:g} dB PSNR over zero-filled; less gain {gains}."
    )


def _federated(comparison: Comparison, section: str) -> Mapping[str, list[Run]]:
    """Gives the section's federated runs by method: those of several sites that stayed apart."""
    rows = comparison.of(section, "psnr").loc[:, ["method", "run"]].drop_duplicates()
    runs, found = comparison.runs, dict[str, list[Run]]()
    for method, folder in rows.itertuples(index=False):
        run = runs[folder]
        apart = len(run.participants) > 1 and not run.config.get("pooled")
        if apart and not is_zero_filled(method):
            found.setdefault(method, []).append(run)
    return found


def _gains_at_participants(runs: list[Run], convention: str) -> Iterator[tuple[str, float]]:
    """Gives each participating site's gain, not-a-number where it wasn't judged."""
    rows = pd.concat([run.scores.assign(run=str(run.folder)) for run in runs])
    rows = rows.loc[(rows["metric"] == "psnr") & (rows["convention"] == convention)]
    # one method, however its runs were called when they were judged
    plain = rows["method"].map(lambda name: name if name == ZERO_FILLED else "")
    gains = gain_over_zero_filled(rows.assign(method=plain)).to_dict()
    for site in sorted({site for run in runs for site in run.participants}):
        yield site, gains.get(("", site), float("nan"))
