"""Test scores as they travel: every volume by a number, none by its name."""

import re
from collections.abc import Iterable, Mapping, Sequence

from flmrcm.learning.metrics import ZERO_FILLED, VolumeScore
from flmrcm.learning.records import PERSONAL

RECONSTRUCTED = "reconstruction"
"""What scores of the weights that all sites share are called; those of a site's own: `PERSONAL`."""

_SCORE_NAME = re.compile(
    rf"({RECONSTRUCTED}|{PERSONAL}|{ZERO_FILLED})/\d{{4,6}}/\d{{1,6}}/[^/]+/[^/]+"
)


def number_scores(
    reconstructed: Iterable[VolumeScore],
    zero_filled: Iterable[VolumeScore],
    own: bool = False,
) -> dict[str, float]:
    """Return scores by `kind/number/slices/metric/convention`.

    A volume's number is its place among the site's test volumes, the same in every run. `own` says
    whether the site's own weights were tested.
    """
    scores = {
        PERSONAL if own else RECONSTRUCTED: list(reconstructed),
        ZERO_FILLED: list(zero_filled),
    }
    names = sorted({score.volume for kind in scores.values() for score in kind})
    number = {name: f"{count:04}" for count, name in enumerate(names)}
    return {
        f"{what}/{number[s.volume]}/{s.slices}/{s.metric}/{s.convention}": s.value
        for what, kind in scores.items()
        for s in kind
    }


def find_score_problem(metrics: Mapping[str, float]) -> str | None:
    """Return what is wrong with the metrics of a test's reply, in a few words; None for scores."""
    odd = sum(_SCORE_NAME.fullmatch(name) is None for name in metrics)
    return f"{odd} of its scores aren't named as scores are" if odd else None


def name_scores(
    site: str, metrics: Mapping[str, float], volumes: Sequence[str] = ()
) -> dict[str, list[VolumeScore]]:
    """Return a site's scores by their kind, read from the metrics of its reply.

    Args:
        site: its name.
        metrics: as `number_scores` returns them.
        volumes: the names of its test volumes, sorted, where they are known here; otherwise they
            are called `site/number`.
    """
    scores: dict[str, list[VolumeScore]] = {}
    for name, value in metrics.items():
        kind, number, slices, metric, convention = name.split("/")
        volume = volumes[int(number)] if volumes else f"{site}/{number}"
        score = VolumeScore(volume, metric, convention, value, int(slices))
        scores.setdefault(kind, []).append(score)
    return scores
