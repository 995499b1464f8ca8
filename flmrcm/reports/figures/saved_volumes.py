"""What runs saved of the volumes they were judged on: images and latents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import h5py
import numpy as np
from numpy.typing import NDArray

from flmrcm.reports.collected.finished_runs import Run
from flmrcm.run_files import RECONSTRUCTIONS
from flmrcm.seeding import seed_for

LATENT_KIND = "latent"


@dataclass(frozen=True)
class SavedLatents:
    """Latents of several sites, point by point.

    Attributes:
        latents: (point, latent_size).
        sites: whose slice each point is.
        volumes: which volume's, `site/volume`.
    """

    latents: NDArray[np.float32]
    sites: Sequence[str]
    volumes: Sequence[str]


def find_saved_volumes(run: Run, site: str) -> dict[str, Path]:
    """Gives the files of the volumes a run saved at a site, by volume: the last part of its id."""
    return {path.stem: path for path in sorted((run.folder / RECONSTRUCTIONS / site).glob("*.h5"))}


def list_saving_sites(run: Run) -> list[str]:
    """Gives the sites of which a run saved volumes."""
    folders = sorted((run.folder / RECONSTRUCTIONS).glob("*"))
    return [folder.name for folder in folders if find_saved_volumes(run, folder.name)]


def read_middle_slices(path: Path, kinds: Sequence[str]) -> dict[str, NDArray[np.float32]] | None:
    """Gives the middle slice (height, width) of some of a saved volume's data sets.

    None where the file is damaged or lacks one of them.
    """
    try:
        with h5py.File(path, "r") as file:
            data = [cast(h5py.Dataset, file[kind]) for kind in kinds]
            return {k: np.asarray(d[len(d) // 2]) for k, d in zip(kinds, data, strict=True)}
    except (OSError, KeyError):
        return None


def read_latents(run: Run, most: int) -> SavedLatents | None:
    """Gives the latents a run saved, equally many of each site as far as there are.

    If there are more than `most`, volumes are drawn by a seed that is the same for every run, and
    slices are taken evenly spaced. None unless there are two sites with two points each.
    """
    sites = list_saving_sites(run)
    first = [next(iter(find_saved_volumes(run, site).values())) for site in sites]
    if any(_read_spaced(file, 1) is None for file in first):  # one look saves opening hundreds
        return None
    found: list[tuple[str, str, NDArray[np.float32]]] = []
    for site in sites:
        drawn = _sample_latents(find_saved_volumes(run, site), most // len(sites))
        found += [(site, f"{site}/{volume}", rows) for volume, rows in drawn.items()]
    owners = [site for site, _, rows in found for _ in rows]
    if len(sites) < 2 or min(owners.count(site) for site in sites) < 2:
        return None
    volumes = [volume for _, volume, rows in found for _ in rows]
    return SavedLatents(np.concatenate([rows for _, _, rows in found]), owners, volumes)


def _sample_latents(files: Mapping[str, Path], most: int) -> dict[str, NDArray[np.float32]]:
    """Gives at most about `most` rows of latents, by volume."""
    order = np.random.default_rng(seed_for("latents", *files)).permutation(list(files))
    volumes = sorted(order[:most].tolist())
    each = max(1, round(most / len(volumes)))
    rows = {volume: _read_spaced(files[volume], each) for volume in volumes}
    return {volume: found for volume, found in rows.items() if found is not None}


def _read_spaced(path: Path, count: int) -> NDArray[np.float32] | None:
    """Return `count` evenly spaced rows of a volume's latents, all if there are fewer.

    None where the file is damaged or has no latents, or not finite ones, as NaN weights give.
    """
    try:
        with h5py.File(path, "r") as file:
            latents = cast(h5py.Dataset, file[LATENT_KIND])
            places = np.linspace(0, len(latents) - 1, min(count, len(latents)))
            rows = np.asarray(latents[np.unique(places.round().astype(int))])
    except (OSError, KeyError):
        return None
    return rows if np.isfinite(rows).all() else None
