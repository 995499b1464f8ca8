"""What a test leaves on disk: a table of scores, and reconstructions in fastMRI's layout."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np

from flmrcm.learning.metrics import VolumeScore

if TYPE_CHECKING:  # Lightning takes seconds to load, and tables are read without it
    from flmrcm.learning.module import Prediction

SCORE_COLUMNS = ("method", "site", "volume", "metric", "convention", "value", "slices", "weights")
GLOBAL, PERSONAL, NO_WEIGHTS = "global", "personal", "none"
"""The weights behind a score: every site's alike, a site's own, or none (zero-filled)."""

SAVED_BY_RUNS = ("reconstruction", "target", "input", "latent")
"""What a training run keeps of the volumes it is tested on."""

SAVED_KINDS = ("reconstruction", "target", "input", "error", "latent")


class ScoreTable:
    """`scores.csv`: one row per method, site, volume, metric and convention.

    `weights` is one of `GLOBAL`, `PERSONAL` and `NO_WEIGHTS`.

    Args:
        path: the file; an older one is replaced.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerow(SCORE_COLUMNS)

    def add(self, method: str, site: str, scores: Iterable[VolumeScore], weights: str) -> None:
        """Appends one method's scores at one site."""
        with self.path.open("a", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(
                (method, site, s.volume, s.metric, s.convention, s.value, s.slices, weights)
                for s in scores
            )


def save_volumes(
    predictions: Iterable["Prediction"], folder: Path, kinds: Sequence[str], most: int | None = None
) -> None:
    """Write volumes as `<folder>/<volume>.h5`, one data set per kind.

    Args:
        predictions: batches in file order.
        folder: the site's.
        kinds: of `SAVED_KINDS`; images are (slice, height, width), latents (slice, latent_size).
            A volume without target has no `target` and no `error`.
        most: volumes to write; None writes all.
    """
    volume, parts = "", list[dict[str, np.ndarray]]()
    written = 0
    for name, arrays in _split_slices(predictions):
        if name != volume:
            written += bool(parts)
            _write_volume(folder, volume, parts, kinds)
            volume, parts = name, []
            if most is not None and written >= most:
                return
        parts.append(arrays)
    _write_volume(folder, volume, parts, kinds)


def _split_slices(
    predictions: Iterable["Prediction"],
) -> Iterable[tuple[str, dict[str, np.ndarray]]]:
    for batch in predictions:
        parts = {kind: getattr(batch, kind) for kind in SAVED_BY_RUNS}
        parts = {kind: x.numpy() for kind, x in parts.items() if x is not None}
        for name, *values in zip(batch.volume, *parts.values(), strict=True):
            arrays = dict(zip(parts, values, strict=True))
            if (target := arrays.get("target")) is not None:
                arrays["error"] = np.abs(arrays["reconstruction"] - target)
            yield name, arrays


def _write_volume(
    folder: Path, volume: str, parts: Sequence[dict[str, np.ndarray]], kinds: Sequence[str]
) -> None:
    if not parts:
        return
    path = folder / f"{volume.rsplit('/', 1)[-1]}.h5"
    folder.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for kind in (kind for kind in kinds if kind in parts[0]):
            file.create_dataset(kind, data=np.stack([arrays[kind] for arrays in parts]))
