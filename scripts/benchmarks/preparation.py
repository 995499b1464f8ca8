"""(j) from a NIfTI file to a prepared volume."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import h5py
import torch
from nilearn import datasets

from benchmarks.results import Result
from flmrcm.inspection.volume_sheet import write_volume_sheet
from flmrcm.prepare.nifti import NiftiSource
from flmrcm.prepare.recipe import PreparationRecipe
from flmrcm.prepare.scan import FoundVolume
from flmrcm.prepare.volume_task import DrawSheet, Preparer, VolumeTask

_SIZE, _REPEATS = 256, 5
_TINY_SIZE, _TINY_REPEATS = 32, 1


def preparing(folder: Path, quick: bool) -> list[Result]:
    """(j) Slices per second and core from a NIfTI file to a prepared volume."""
    size, repeats = (_TINY_SIZE, _TINY_REPEATS) if quick else (_SIZE, _REPEATS)
    original = folder / "sub-1_T1w.nii.gz"
    datasets.load_mni152_template(resolution=1).to_filename(original)
    ways: dict[str, DrawSheet | None] = {
        "with its contact sheet": write_volume_sheet,
        "alone": None,
    }
    return [_result(folder, original, way, draw, (size, repeats)) for way, draw in ways.items()]


def _result(
    folder: Path, original: Path, way: str, draw: DrawSheet | None, extent: tuple[int, int]
) -> Result:
    size, repeats = extent
    source = NiftiSource(str(original), "1", {"T1": "T1w"})
    preparer = Preparer(source, PreparationRecipe(size=(size, size)), "nifti", draw)
    task = VolumeTask(
        FoundVolume("1", "T1", (original,)), folder / "out", "1", "sub-1_T1", "train", "here"
    )
    preparer(task)  # imports, and the first touch of every page, count once and not here
    with h5py.File(folder / "out" / task.volume) as file:
        n_slices = len(file["kspace"])  # pyright: ignore[reportArgumentType]
    seconds = [_both_clocks(partial(preparer, task)) for _ in range(repeats)]
    busy, whole = ([pair[index] for pair in seconds] for index in (0, 1))
    return Result(
        "j",
        f"a volume prepared, {way}",
        n_slices / median(busy),
        "slices/s",
        at_least=50,
        note=f"MNI152, {n_slices} × {size}²; processor time of one core, which a slow disk "
        f"doesn't change: by the clock {n_slices / median(whole):.0f} slices/s",
        raw={"processor": busy, "clock": whole},
    )


def _both_clocks(do: Callable[[], object]) -> tuple[float, float]:
    """Seconds of processor time and of real time, on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    busy, clock = time.process_time(), time.perf_counter()
    try:
        do()
        return time.process_time() - busy, time.perf_counter() - clock
    finally:
        torch.set_num_threads(threads)
