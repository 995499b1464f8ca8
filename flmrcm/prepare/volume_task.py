"""One volume's way from its original files to a finished file and its picture."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from flmrcm import __version__
from flmrcm.data.h5 import write_volume
from flmrcm.prepare.intensity import compute_statistics
from flmrcm.prepare.recipe import PreparationRecipe, PreparedVolume
from flmrcm.prepare.scan import FoundVolume, Scan, UnusableVolume, VolumeSource

DrawSheet = Callable[[Path, Path], None]
"""Draws the contact sheet of a volume into a PNG."""


@dataclass(frozen=True)
class VolumeTask:
    """One volume to prepare.

    Attributes:
        found: what it's read from.
        output: the folder prepared into.
        patient: its subject's salted hash.
        name: of the file, without suffix.
        split: train | val | test.
        site: as its attribute says.
    """

    found: FoundVolume
    output: Path
    patient: str
    name: str
    split: str
    site: str

    @property
    def volume(self) -> str:
        """Path of the file below the output folder; the volume's name in journal and manifest."""
        parts = (self.found.site, self.found.contrast, self.split, f"{self.name}.h5")
        return "/".join(part for part in parts if part)

    @property
    def sheet(self) -> Path:
        """Where its picture goes."""
        head = f"{self.found.site}_" if self.found.site else ""
        return self.output / "sheets" / f"{head}{self.name}.png"


class VolumeWorker(Protocol):
    """Does one task; a plain object, so that another process can do it."""

    def __call__(self, task: VolumeTask) -> "VolumeOutcome":
        """Gives what became of it."""
        ...


@dataclass(frozen=True)
class VolumeOutcome:
    """What became of a task.

    Attributes:
        task: which.
        row: of the journal, where it was written.
        problem: why it was skipped, in the words of who found it; empty where it wasn't.
    """

    task: VolumeTask
    row: Mapping[str, Any] | None = None
    problem: str = ""

    @property
    def line(self) -> str:
        """Gives the problem with the path it was read from, for whoever sits at the terminal."""
        first, *others = self.task.found.paths
        more = f" and {len(others)} more" if others else ""
        return self.problem if str(first) in self.problem else f"{first}{more}: {self.problem}"

    @property
    def reason(self) -> str:
        """Gives the problem without the paths and the subject in it: those may hold names."""
        text, found = self.problem, self.task.found
        for path in found.paths:
            text = text.replace(f"{path}: ", "")
            text = text.replace(str(path), "file").replace(path.name, "file")
        whole = rf"(?<![A-Za-z0-9]){re.escape(found.subject)}(?![A-Za-z0-9])"
        return re.sub(whole, "…", text) if found.subject else text


@dataclass(frozen=True)
class Preparer:
    """Reads, prepares, writes and draws one volume.

    Args:
        source: reads it.
        recipe: what is done to it.
        source_name: for the attribute `source`.
        draw: its contact sheet; None draws none.
    """

    source: VolumeSource
    recipe: PreparationRecipe
    source_name: str
    draw: DrawSheet | None = None

    def __call__(self, task: VolumeTask) -> VolumeOutcome:
        """Gives what became of a volume; one that can't be used isn't an error.

        Raises:
            OSError: nothing more can be written; no half of a file is left.
        """
        try:
            # its address holds no salt: the same download gives the same phase in any folder
            address = task.found.subject, task.found.contrast, task.found.scan
            prepared = self.recipe.apply(self._read(task.found), address)
        except UnusableVolume as problem:
            return VolumeOutcome(task, problem=str(problem))
        path = task.output / task.volume
        write_volume(path, *prepared.encoded, self._make_attributes(task, prepared))
        if self.draw:
            task.sheet.parent.mkdir(parents=True, exist_ok=True)
            self.draw(path, task.sheet)
        return VolumeOutcome(task, _make_row(task, path, prepared))

    def _read(self, found: FoundVolume) -> Scan:
        try:
            return self.source.read(found)
        except UnusableVolume:
            raise
        except Exception as error:  # a damaged file makes readers fail in any way
            lines = str(error).splitlines() or [type(error).__name__]
            raise UnusableVolume(f"can't be read ({lines[0]})") from error

    def _make_attributes(self, task: VolumeTask, prepared: PreparedVolume) -> dict[str, Any]:
        """The contract's attributes; nothing of the original's header but what it names."""
        scan = prepared.scan
        return {
            **scan.attributes,
            **compute_statistics(prepared.encoded.target),
            "acquisition": scan.acquisition,
            "patient_id": task.patient,
            "subject": f"sub-{task.patient}",
            "site": task.site,
            "contrast": task.found.contrast,
            "voxel_mm": np.array(scan.voxel_mm),
            "orientation": scan.orientation,
            "native_orientation": scan.native_orientation,
            "native_shape": np.array(scan.native_shape),
            "native_slices": np.array([prepared.kept.start, prepared.kept.stop]),
            "kspace_origin": scan.kspace_origin,
            "source": self.source_name,
            "prepare_version": __version__,
        }


def _make_row(task: VolumeTask, path: Path, prepared: PreparedVolume) -> dict[str, Any]:
    scan, kept = prepared.scan, prepared.kept
    return {
        "volume": task.volume,
        "bytes": path.stat().st_size,
        "checksum": compute_checksum(path),
        "slices": len(kept),
        "dropped": {"foreground": prepared.n_native - len(kept)},
        "native_shape": list(scan.native_shape),
        "native_orientation": scan.native_orientation,
        "voxel_mm": [round(mm, 6) for mm in scan.voxel_mm],
        "foreground_cut": round(prepared.foreground_cut, 6),
        "negative_voxels": prepared.negative_voxels,
    }


def compute_checksum(path: Path) -> str:
    """Gives the BLAKE2b hash of a file, 32 hex digits, as `b2sum --length 128` does."""
    digest = blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
