"""The volumes that runs saved when they were tested: images and latents."""

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
    """Latents of several sites; each point is a slice.

    Attributes:
        latents: (point, latent_size).
        sites: the site of each point, (point,).
        volumes: the volume of each point, `site/volume`, (point,).
    """

    latents: NDArray[np.float32]
    sites: Sequence[str]
    volumes: Sequence[str]


def find_saved_volumes(run: Run, site: str) -> dict[str, Path]:
    """Return the files of the volumes that a run saved at a site, by the last part of their id."""
    return {path.stem: path for path in sorted((run.folder / RECONSTRUCTIONS / site).glob("*.h5"))}


def list_saving_sites(run: Run) -> list[str]:
    """Return the sites at which a run saved volumes."""
    folders = sorted((run.folder / RECONSTRUCTIONS).glob("*"))
    return [folder.name for folder in folders if find_saved_volumes(run, folder.name)]


def holds_target(path: Path) -> bool:
    """Return whether a saved volume has a target; False where the file is damaged."""
    return read_middle_slices(path, ("target",)) is not None


def describe_middle_slice(path: Path) -> str:
    """Return which slice `read_middle_slices` reads of a whole volume: `slice 4 of 6`."""
    with h5py.File(path, "r") as file:
        count = len(cast(h5py.Dataset, file["target"]))
    return f"slice {count // 2 + 1} of {count}"


def read_middle_slices(path: Path, kinds: Sequence[str]) -> dict[str, NDArray[np.float32]] | None:
    """Return the middle slice, (height, width), of each of these data sets of a saved volume.

    None where the file is damaged or has no such data set.
    """
    try:
        with h5py.File(path, "r") as file:
            data = [cast(h5py.Dataset, file[kind]) for kind in kinds]
            return {k: np.asarray(d[len(d) // 2]) for k, d in zip(kinds, data, strict=True)}
    except (OSError, KeyError):
        return None


def read_latents(run: Run, max_points: int) -> SavedLatents | None:
    """Return the latents that a run saved, equally many of each site if it has so many.

    If there are more than `max_points`, volumes are sampled with a seed that is the same for every
    run, and slices are evenly spaced. None unless two sites have two points each.
    """
    sites = list_saving_sites(run)
    first_files = [next(iter(find_saved_volumes(run, site).values())) for site in sites]
    # most runs save no latents, and their first files already show it
    if any(_read_spaced(file, 1) is None for file in first_files):
        return None
    parts: list[tuple[str, str, NDArray[np.float32]]] = []
    for site in sites:
        sample = _sample_latents(find_saved_volumes(run, site), max_points // len(sites))
        parts += [(site, f"{site}/{volume}", rows) for volume, rows in sample.items()]
    owners = [site for site, _, rows in parts for _ in rows]
    if len(sites) < 2 or min(owners.count(site) for site in sites) < 2:
        return None
    volumes = [volume for _, volume, rows in parts for _ in rows]
    return SavedLatents(np.concatenate([rows for _, _, rows in parts]), owners, volumes)


def _sample_latents(files: Mapping[str, Path], max_points: int) -> dict[str, NDArray[np.float32]]:
    """Return up to about `max_points` latents by volume, (slice, latent_size) each."""
    order = np.random.default_rng(seed_for("latents", *files)).permutation(list(files))
    volumes = sorted(order[:max_points].tolist())
    each = max(1, round(max_points / len(volumes)))
    latents = {volume: _read_spaced(files[volume], each) for volume in volumes}
    return {volume: rows for volume, rows in latents.items() if rows is not None}


def _read_spaced(path: Path, count: int) -> NDArray[np.float32] | None:
    """Return up to `count` evenly spaced latents of a volume, (slice, latent_size).

    None where the file is damaged, or has no latents or some that aren't finite.
    """
    try:
        with h5py.File(path, "r") as file:
            latents = cast(h5py.Dataset, file[LATENT_KIND])
            positions = np.linspace(0, len(latents) - 1, min(count, len(latents)))
            rows = np.asarray(latents[np.unique(positions.round().astype(int))])
    except (OSError, KeyError):
        return None
    return rows if np.isfinite(rows).all() else None
