"""New scans reconstructed: each becomes files and a contact sheet, one after the other."""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from flmrcm.data.h5 import Volume
from flmrcm.data.loading import Loading
from flmrcm.data.mask_checks import check_mask
from flmrcm.data.transforms import choose_crop_size
from flmrcm.errors import DataLayoutError, FlmrcmError
from flmrcm.inspection.reconstruction_sheet import write_reconstruction_sheet
from flmrcm.learning.compute import Compute
from flmrcm.learning.module import ReconModule
from flmrcm.learning.scoring import Evaluator
from flmrcm.runs.reconstructed_volume import ReconstructedVolume
from flmrcm.runs.reconstruction_folder import ReconstructionFolder
from flmrcm.runs.scan_images import FORMATS, OnSlices, reconstruct_scan
from flmrcm.runs.scans import OWN, ScanReading, ScanSource

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ScanOutcome:
    """What became of one scan.

    Attributes:
        name: of its outputs.
        files: that were written, the contact sheet last.
        problem: why it couldn't be reconstructed, one line; empty where it could.
    """

    name: str
    files: list[Path] = field(default_factory=list[Path])
    problem: str = ""


@dataclass(frozen=True)
class ScanPlan:
    """Scans, looked at.

    Attributes:
        missing: those to be reconstructed, by name.
        done: names of those that were finished before.
        refused: those that can't be.
    """

    missing: Mapping[str, ScanSource]
    done: list[str]
    refused: list[ScanOutcome]

    @property
    def n_slices(self) -> int:
        """Number of slices to be reconstructed."""
        return sum(source.header.shape[0] for source in self.missing.values())


@dataclass(frozen=True)
class ScanReconstruction:
    """A checkpoint, and how scans are read for it, checked; no scan has been touched.

    Attributes:
        compute: device and arithmetic.
        module: the learner with the weights in use.
        reading: how scans are read, and what is taken as measured.
        loading: how their slices become batches.
        format: one of `FORMATS`.
        made: what outputs say of how they were made.
        settings: all that changes an output, plain.
    """

    compute: Compute
    module: ReconModule
    reading: ScanReading
    loading: Loading
    format: str
    made: Mapping[str, Any]
    settings: Mapping[str, Any]

    def plan(self, scans: Mapping[str, Path], folder: ReconstructionFolder) -> ScanPlan:
        """Return what is to be done; every scan that isn't finished is looked at.

        Args:
            scans: files by the names of their outputs.
            folder: locked.

        Raises:
            DataLayoutError: an output would be written over a scan.
        """
        missing, done, refused = dict[str, ScanSource](), list[str](), list[ScanOutcome]()
        for name, path in scans.items():
            try:
                if folder.is_done(path, name, self.format):
                    done.append(name)
                else:
                    missing[name] = self._open(path)
            except FlmrcmError as error:
                refused.append(ScanOutcome(name, problem=str(error)))
        self._announce(missing.values())
        return ScanPlan(missing, done, refused)

    def run(
        self, plan: ScanPlan, folder: ReconstructionFolder, on_slices: OnSlices
    ) -> Iterator[ScanOutcome]:
        """Reconstruct the scans that are missing, and return what became of each as it comes.

        Raises:
            OSError: the output can't be written to; whatever was whole is kept.
        """
        yield from plan.refused
        for name, source in plan.missing.items():
            try:
                volume = self.reconstruct(source, on_slices)
            except FlmrcmError as error:
                yield ScanOutcome(name, problem=str(error))
            except torch.OutOfMemoryError:
                size = f"local.batch_size={self.loading.batch_size}"
                problem = f"{source.header.path}: takes more memory than there is at {size}; "
                yield ScanOutcome(name, problem=f"{problem}type a lower one, or compute=cpu.")
            else:
                files = FORMATS[self.format](volume, folder.path / name)
                files.append(folder.path / f"{name}.png")
                self._write_sheet(name, volume, files[-1])
                folder.add(source.header.path, name, self.format, files)
                yield ScanOutcome(name, files)

    def reconstruct(self, source: ScanSource, on_slices: OnSlices) -> ReconstructedVolume:
        """Return a scan's images, along the axes that its k-space is stored in.

        Raises:
            DataLayoutError: a slice can't be read, or its image isn't finite.
        """
        return reconstruct_scan(
            self._evaluator, self.module, source, self.loading, self.made, on_slices
        )

    @cached_property
    def _evaluator(self) -> Evaluator:
        return Evaluator(self.compute)

    def _open(self, path: Path) -> ScanSource:
        """Return a scan that the model can take."""
        source, model = self.reading.open(path), self.module.model
        volume = source.header
        check_mask(volume, source.mask, self.loading.needs_center)
        size = volume.shape[2:] if model.needs_kspace else self._choose_size(volume)
        if problem := model.find_size_problem(*size):
            raise DataLayoutError(f"{path}: {problem}")
        return source

    def _choose_size(self, volume: Volume) -> tuple[int, int]:
        return choose_crop_size(self.loading.resolution, volume.shape[2:], volume.image_shape)

    def _announce(self, sources: Iterable[ScanSource]) -> None:
        """Say, once for each kind of scan, what is taken as measured, and what is cut off."""
        sources = list(sources)
        for mask, count in Counter(source.describe_mask() for source in sources).items():
            how = f"fully sampled: undersampled by {mask} (mask=file takes all that was measured)"
            own = "reconstructed from what was measured, by the file's own mask or its zeros"
            log.info("%d %s %s", count, _name_scans(count), own if mask == OWN else how)
        if count := sum(source.header.exceeds_mask for source in sources):
            log.warning("%d %s hold samples outside their own masks; these are not used",
                        count, _name_scans(count))  # fmt: skip
        cut = [(s.header.image_shape, self._choose_size(s.header)) for s in sources]
        for (whole, size), count in Counter(pair for pair in cut if pair[0] != pair[1]).items():
            log.warning(
                "%d %s of %s pixels: the middle %s is reconstructed, since data.resolution=%d; "
                "type data.resolution=%d for all of it",
                count, _name_scans(count), _format_size(whole), _format_size(size),
                self.loading.resolution, max(whole),
            )  # fmt: skip

    def _write_sheet(self, name: str, volume: ReconstructedVolume, png: Path) -> None:
        made, provenance = volume.made, volume.provenance
        n_slices, height, width = volume.image.shape
        voxel = " × ".join(f"{mm:.3g}" for mm in provenance.voxel_mm or ())
        about = [
            name,
            provenance.contrast,
            f"{n_slices} slices",
            f"{height} × {width}",
            f"{voxel} mm" if voxel else "",
        ]
        how = [
            "left and right on one brightness scale",
            f"{made['acceleration']:.3g}× ({made['mask'].partition(',')[0]})",
            f"{made['network']}, {made['checkpoint']} {made['checkpoint_sha256'][:8]}",
        ]
        captions = ["   ".join(part for part in line if part) for line in (about, how)]
        write_reconstruction_sheet(volume.zero_filled, volume.image, provenance, captions, png)


def _name_scans(count: int) -> str:
    return "scan" if count == 1 else "scans"


def _format_size(size: tuple[int, int]) -> str:
    return f"{size[0]}×{size[1]}"
