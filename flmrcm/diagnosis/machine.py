"""What this machine is: versions, processors, memory, GPU, disk, cache, environment."""

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement
from rich.filesize import decimal

from flmrcm import __version__
from flmrcm.config.conf_files import list_plugins
from flmrcm.files import find_cache_folder
from flmrcm.runs.folder import find_version, read_git_state

EXTRAS = ("joblib", "ray", "submitit", "flower", "nvflare", "espirit", "mlflow", "search", "dicom")

_VARIABLES = (
    "FLMRCM_CACHE", "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "WANDB_MODE",
    "HDF5_USE_FILE_LOCKING", "PYTHONPATH", "LANG", "LC_ALL", "TMPDIR", "SLURM_JOB_ID", "COLUMNS",
)  # fmt: skip
"""What changes how runs behave; others may hold keys and stay unread."""


class Fact(NamedTuple):
    """One line: `torch: 2.13.0`."""

    name: str
    value: str


def list_facts(output: Path) -> list[Fact]:
    """Return what a bug report needs; the home folder is written as ~.

    Args:
        output: where runs would be written.
    """
    facts = (
        *_list_versions(), *_describe_hardware(), *_describe_gpus(),
        Fact("runs", _describe_disk(output)), Fact("cache", _describe_disk(find_cache_folder())),
        *(Fact(f"${name}", os.environ[name]) for name in _VARIABLES if name in os.environ),
    )  # fmt: skip
    return [Fact(name, hide_home(value)) for name, value in facts]


def list_dependencies(extra: str = "") -> list[str]:
    """Return the packages that flmrcm needs, or one of its extras does."""
    try:
        needed = [Requirement(line) for line in requires("flmrcm") or ()]
    except PackageNotFoundError:  # a checkout that was never installed
        return []
    if not extra:
        return [each.name for each in needed if each.marker is None]
    return [e.name for e in needed if e.marker is not None and e.marker.evaluate({"extra": extra})]


def find_existing(path: Path) -> Path:
    """Return a folder or, where it isn't there yet, the deepest above it that is."""
    path = path.absolute()
    return next(place for place in (path, *path.parents) if place.exists())


def hide_home(text: str) -> str:
    """Return a text in which the home folder is `~`: it often holds a person's name."""
    home = str(Path.home())
    return text.replace(home, "~") if len(home) > 1 else text


def _list_versions() -> Iterator[Fact]:
    yield Fact("flmrcm", f"{__version__}, {_describe_commit()}")
    yield Fact("python", f"{platform.python_version()} ({sys.implementation.name})")
    yield Fact("platform", platform.platform())
    for package in list_dependencies():
        yield Fact(package, find_version(package) or "not installed")
    present = [e for e in EXTRAS if (own := list_dependencies(e)) and all(map(find_version, own))]
    yield Fact("extras", ", ".join(present) or "none")
    yield Fact("plugins", ", ".join(map(str, list_plugins().usable)) or "none")


def _describe_commit() -> str:
    git = read_git_state()
    if git is None:
        return "installed"
    changed = len(git["changed"])
    return f"commit {(git['commit'] or 'unknown')[:12]}" + f", {changed} files changed" * bool(
        changed
    )


def _describe_hardware() -> Iterator[Fact]:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield Fact("processors", f"{usable} usable of {os.cpu_count()}")
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        pages = os.sysconf("SC_PHYS_PAGES")
        yield Fact("memory", decimal(pages * os.sysconf("SC_PAGE_SIZE")))


def _describe_gpus() -> Iterator[Fact]:
    try:
        import torch
    except Exception as error:  # whatever breaks it is what the reader looks for
        yield Fact("GPU", f"torch can't be imported: {error}")
        return
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    built = torch.version.cuda
    if not count:
        yield Fact("GPU", f"none; torch is built for {f'CUDA {built}' if built else 'the CPU'}")
    for number in range(count):
        about = torch.cuda.get_device_properties(number)
        bf16 = "" if torch.cuda.is_bf16_supported() else ", no bf16"
        yield Fact(
            f"GPU {number}", f"{about.name}, {decimal(about.total_memory)}, CUDA {built}{bf16}"
        )


def _describe_disk(folder: Path) -> str:
    place = find_existing(folder)
    note = "" if place == folder.absolute() else ", not there yet"
    return f"{folder}: {decimal(shutil.disk_usage(place).free)} free{note}"
