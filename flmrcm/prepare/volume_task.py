"""The preparation of one volume: from its original files to an HDF5 file and a picture."""

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
from flmrcm.prepare.scan import (
    FoundVolume,
    Scan,
    UnusableVolume,
    VolumeSource,
    get_first_line,
)

DrawSheet = Callable[[Path, Path], None]
"""Function of a volume's file and a PNG file: it draws the contact sheet of the volume."""


@dataclass(frozen=True)
class VolumeTask:
    """One volume to prepare.

    Attributes:
        found: the original volume.
        output: output folder of the preparation.
        patient: patient id, the salted hash of the subject.
        name: name of the output file without its suffix.
        split: train | val | test.
        site: name of the site, written as an attribute.
    """

    found: FoundVolume
    output: Path
    patient: str
    name: str
    split: str
    site: str

    @property
    def volume(self) -> str:
        """Path of the new file below the output folder; its name in journal and manifest."""
        parts = (self.found.site, self.found.contrast, self.split, f"{self.name}.h5")
        return "/".join(part for part in parts if part)

    @property
    def sheet(self) -> Path:
        """Path of its picture."""
        head = f"{self.found.site}_" if self.found.site else ""
        return self.output / "sheets" / f"{head}{self.name}.png"


class VolumeWorker(Protocol):
    """Carries out one task; other processes get a copy of it, so it must be picklable."""

    def __call__(self, task: VolumeTask) -> "VolumeOutcome":
        """Return the outcome of a task."""
        ...


@dataclass(frozen=True)
class VolumeOutcome:
    """The outcome of a task.

    Attributes:
        task: the task.
        row: row of the journal; None if the volume was skipped.
        problem: the reason why it was skipped; empty if it was written.
    """

    task: VolumeTask
    row: Mapping[str, Any] | None = None
    problem: str = ""

    @property
    def line(self) -> str:
        """The problem with the path of the original file, for the terminal."""
        first, *others = self.task.found.paths
        more = f" and {len(others)} more" if others else ""
        return self.problem if str(first) in self.problem else f"{first}{more}: {self.problem}"

    @property
    def reason(self) -> str:
        """The problem without paths and subject, which may hold names, for the manifest."""
        text, volume = self.problem, self.task.found
        for path in volume.paths:
            text = text.replace(f"{path}: ", "")
            text = text.replace(str(path), "file").replace(path.name, "file")
        # whole words only: a subject called 1 must not change every number
        whole_word = rf"(?<![A-Za-z0-9]){re.escape(volume.subject)}(?![A-Za-z0-9])"
        return re.sub(whole_word, "…", text) if volume.subject else text


@dataclass(frozen=True)
class Preparer:
    """Reads, prepares, writes and draws one volume.

    Args:
        source: reads the original.
        recipe: the steps of the preparation.
        source_name: name of the source, written as an attribute.
        draw: draws the contact sheet; None draws none.
    """

    source: VolumeSource
    recipe: PreparationRecipe
    source_name: str
    draw: DrawSheet | None = None

    def __call__(self, task: VolumeTask) -> VolumeOutcome:
        """Return the outcome of a volume; one that can't be used is an outcome, not an error.

        Raises:
            OSError: the disk is full or can't be written to; no part of a file is left.
        """
        try:
            # without the salt: the same original gets the same phase in every output folder
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

    def _read(self, volume: FoundVolume) -> Scan:
        try:
            return self.source.read(volume)
        except UnusableVolume:
            raise
        except Exception as error:  # on damaged files, readers raise errors of any kind
            raise UnusableVolume(f"can't be read ({get_first_line(error)})") from error

    def _make_attributes(self, task: VolumeTask, prepared: PreparedVolume) -> dict[str, Any]:
        """Return the attributes of the file; of the original header only those listed here."""
        scan = prepared.scan
        place = {} if scan.affine is None else {"affine": scan.affine}
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
            **place,
            "native_orientation": scan.native_orientation,
            "native_shape": np.array(scan.native_shape),
            "native_slices": np.array([prepared.slices.start, prepared.slices.stop]),
            "inside_cut": prepared.inside_cut,
            "kspace_origin": scan.kspace_origin,
            "source": self.source_name,
            "prepare_version": __version__,
        }


def _make_row(task: VolumeTask, path: Path, prepared: PreparedVolume) -> dict[str, Any]:
    """Return the row of the journal and the manifest."""
    scan, n_slices = prepared.scan, len(prepared.slices)
    return {
        "volume": task.volume,
        "bytes": path.stat().st_size,
        "checksum": compute_checksum(path),
        "slices": n_slices,
        "dropped": {"foreground": prepared.n_native - n_slices},
        "native_shape": list(scan.native_shape),
        "native_orientation": scan.native_orientation,
        "voxel_mm": [round(mm, 6) for mm in scan.voxel_mm],
        "foreground_cut": round(prepared.foreground_cut, 6),
        "inside_cut": round(prepared.inside_cut, 6),
        "negative_voxels": prepared.negative_voxels,
    }


def compute_checksum(path: Path) -> str:
    """Return the BLAKE2b hash of a file, 32 hex digits, as `b2sum --length 128` prints it."""
    digest = blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
