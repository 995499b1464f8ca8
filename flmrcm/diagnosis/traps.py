"""Traps that others fell into: how to notice each, and the way out."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from hydra.utils import get_object
from rich.filesize import decimal

from flmrcm.config.allow_list import list_named
from flmrcm.config.conf_files import find_conf_dir, list_plugins
from flmrcm.diagnosis.machine import find_existing, list_dependencies
from flmrcm.files import find_cache_folder
from flmrcm.runs.folder import find_version

_LITTLE_DISK, _LITTLE_SHARED = 5 * 10**9, 512 * 10**6  # bytes


class Finding(NamedTuple):
    """What is wrong.

    Attributes:
        text: what, where, and the way out, one line.
        stops: whether runs fail because of it.
    """

    text: str
    stops: bool = False


def find_traps(output: Path) -> list[Finding]:
    """Return what is wrong with this machine; nothing is changed.

    Args:
        output: where runs would be written.
    """
    return [finding for look in _LOOKS for finding in look(output)]


def _look_at_packages(_output: Path) -> Iterator[Finding]:
    needed = list_dependencies()
    if not needed:
        yield Finding("flmrcm isn't installed, only found. Run: pip install --editable .")
    if missing := [name for name in needed if find_version(name) is None]:
        yield Finding(f"not installed: {', '.join(missing)}. Run: pip install flmrcm", stops=True)
    if not (find_conf_dir() / "train.yaml").is_file():
        yield Finding("the installation has no conf/: install flmrcm again.", stops=True)


def _look_at_plugins(_output: Path) -> Iterator[Finding]:
    plugins = list_plugins()
    yield from (Finding(f"{broken}") for broken in plugins.broken)
    for plugin in plugins.usable:
        named = list_named((plugin.folder,))[0]
        for target in sorted(each for each in named if "${" not in each):
            try:
                get_object(target)
            except Exception as error:  # whatever its module does when it's imported
                first = str(error.__cause__ or error).partition("\n")[0]
                yield Finding(f"{plugin}: its configs name {target}: {first}")


def _look_at_torchvision(_output: Path) -> Iterator[Finding]:
    """A torchvision of another build than torch's breaks Lightning, which imports it if it can."""
    if find_version("torchvision") is None:
        return
    try:
        import_module("torchvision")
    except Exception as error:  # it fails in many ways
        first = str(error).partition("\n")[0]
        yield Finding(
            f"torchvision can't be imported ({first}), and Lightning tries to. "
            "Run: pip uninstall torchvision",
            stops=True,
        )


def _look_at_gpu(_output: Path) -> Iterator[Finding]:
    if shutil.which("nvidia-smi") is None:
        return
    try:
        import torch
    except Exception as error:  # whatever breaks it is what the reader looks for
        yield Finding(f"torch can't be imported: {error}", stops=True)
        return
    if not torch.cuda.is_available():
        why = (
            "the driver is too old for it" if torch.version.cuda else "torch is a build for the CPU"
        )
        yield Finding(
            f"there is an NVIDIA driver, but torch sees no GPU: {why}; pytorch.org has both."
        )


def _look_at_threads(_output: Path) -> Iterator[Finding]:
    asked, cores = os.environ.get("OMP_NUM_THREADS", ""), os.cpu_count() or 1
    if asked.isdecimal() and int(asked) > cores:
        yield Finding(
            f"OMP_NUM_THREADS={asked}, but there are {cores} processors: runs get slower."
        )


def _look_at_folders(output: Path) -> Iterator[Finding]:
    for folder, use in (
        (output, "runs"),
        (find_cache_folder(), "the cache; FLMRCM_CACHE moves it"),
    ):
        place = find_existing(folder)
        if not (place.is_dir() and os.access(place, os.W_OK)):
            yield Finding(f"{folder}: can't be written ({use}).", stops=True)
        elif (free := shutil.disk_usage(place).free) < _LITTLE_DISK:
            yield Finding(f"{folder}: only {decimal(free)} free ({use}).")


def _look_at_shared_memory(_output: Path) -> Iterator[Finding]:
    place = Path("/dev/shm")  # noqa: S108  # where loaders of torch hand over batches
    if place.is_dir() and (size := shutil.disk_usage(place).total) < _LITTLE_SHARED:
        yield Finding(
            f"{place} has {decimal(size)}: loaders may end with 'bus error'. In Docker: "
            "--shm-size=2g; else compute.workers=0."
        )


def _look_at_letters(_output: Path) -> Iterator[Finding]:
    encoding = sys.getfilesystemencoding()
    if encoding.lower().replace("-", "") != "utf8":
        yield Finding(f"names of files are read as {encoding}: set LANG=C.UTF-8.")


def _look_at_copies(_output: Path) -> Iterator[Finding]:
    here, running = Path("flmrcm/__init__.py"), Path(__file__).parent.parent / "__init__.py"
    if here.is_file() and not here.samefile(running):
        yield Finding(
            f"this folder holds a flmrcm, but that of {running.parent} runs: what you change here "
            "has no effect. Run: pip install --editable ."
        )


_LOOKS: tuple[Callable[[Path], Iterator[Finding]], ...] = (
    _look_at_packages, _look_at_plugins, _look_at_torchvision, _look_at_gpu, _look_at_threads,
    _look_at_folders, _look_at_shared_memory, _look_at_letters, _look_at_copies,
)  # fmt: skip
