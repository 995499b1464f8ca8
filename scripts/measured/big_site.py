"""A big site: the time to its first batch, the memory of an epoch's order, the speed of reading."""

import os
import time
import tracemalloc
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from statistics import median
from unittest.mock import patch

import numpy as np

from flmrcm.data.h5 import Volume, read_slice, write_volume
from flmrcm.data.loading import Loading
from flmrcm.data.order import BatchOrder
from flmrcm.data.site import Site
from flmrcm.data.slices import Slices
from flmrcm.data.source import Source
from flmrcm.mri.masks.columns import Random
from measured.measurement import (
    Figure,
    make_median,
    make_ratio,
    read_peak_memory,
    run_alone,
    time_once,
)

VOLUMES, SLICES, COILS, REPEATS = 3000, 25_000, 8, 7


def measure_big_site(folder: Path, quick: bool) -> list[Figure]:
    """Return what a site of 3,000 volumes costs before its first batch, and how fast it reads."""
    n = 80 if quick else VOLUMES
    for number in range(n):
        split = "val" if number % 20 == 0 else "train"
        _write(folder / "site" / "T1" / split / f"{number}.h5", (2, 1, 16, 16), number)
    with patch.dict("os.environ", FLMRCM_CACHE=str(folder / "cache")):
        first, *later = (run_alone(start_site, folder / "site") for _ in range(4))
    held = measure_order(SLICES // 100 if quick else SLICES)
    return [
        make_median(f"{n} volumes to the first batch, first time", [first[0]], target="≤ 10"),
        make_median("the next times", [s for s, _ in later], target="≤ 3"),
        Figure("memory that a volume adds", later[-1][1] * 1024 / n, "KiB"),
        Figure(f"an epoch's order, {SLICES:,} slices", held, "bytes a slice", "≤ 200"),
        *compare_reading(folder, 64 if quick else 320),
    ]


def start_site(root: Path) -> tuple[float, float]:
    """Return the seconds until a site gives its first batch, and the MiB that this adds."""
    start, before = time.perf_counter(), read_peak_memory()
    source = Source("big", root, "T1", Random([4], [0.08]))
    site = Site("big", [source], Loading(4, 16))
    for split in ("train", "val"):
        site.check_masks(split)
    site.fingerprint()
    next(iter(site.train_dataloader()))
    return time.perf_counter() - start, read_peak_memory() - before


def measure_order(n: int) -> float:
    """Return the bytes a slice that a data set and an epoch's order hold."""
    tracemalloc.start()
    volumes = [
        Volume(Path(f"{i}.h5"), "big", (10, 1, 16, 16), "t", (16, 16)) for i in range(n // 10)
    ]
    slices = Slices([(volume, index) for volume in volumes for index in range(10)])
    batches = iter(BatchOrder(slices.sizes, 4, ("order",)))
    next(batches)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return held / len(slices)


def compare_reading(folder: Path, size: int) -> list[Figure]:
    """Return the rate of reading slices / that of the file's bytes, from page cache and disk."""
    path, shape = folder / "large.h5", (16, COILS, size, size)
    _write(path, shape, 0)
    volume = Volume(path, "big", shape, "reconstruction_rss", (size, size))

    def read_slices() -> None:
        for index in range(shape[0]):
            read_slice(volume, index)

    return [
        _compare(place, path, start, {"slices": read_slices, "bytes": partial(_read_bytes, path)})
        for place, start in (("page cache", Path.stat), ("disk", _drop_from_page_cache))
    ]


def _compare(
    place: str,
    path: Path,
    start: Callable[[Path], object],
    works: Mapping[str, Callable[[], object]],
) -> Figure:
    """Return the rate of the first work / the second's, a call to `start` before each."""
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(1 + REPEATS):
        for name, work in works.items():
            start(path)
            taken[name].append(time_once(work)[1])
    ours, bare = ([*seconds[1:]] for seconds in taken.values())
    mib = path.stat().st_size / 2**20
    note = f"{mib / median(ours):,.0f} of {mib / median(bare):,.0f} MiB/s"
    name = f"reading slices / reading bytes, {COILS} coils, from {place}"
    return make_ratio(name, bare, ours, "≥ 0.9", note)


def _drop_from_page_cache(path: Path) -> None:
    """Have the next reading of a file come from the device."""
    with path.open("rb") as file:
        os.fsync(file.fileno())  # what isn't written yet can't be dropped
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _read_bytes(path: Path) -> None:
    with path.open("rb", buffering=0) as file:
        while file.read(2**23):
            pass


def _write(path: Path, shape: tuple[int, int, int, int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    kspace = rng.normal(size=(2, *shape)).astype(np.float32)
    several = kspace[0] + 1j * kspace[1]
    target = np.abs(several).mean(1)
    write_volume(path, several if shape[1] > 1 else several[:, 0], target, {})
