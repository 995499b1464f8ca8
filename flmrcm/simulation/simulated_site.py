"""One institution simulated from real tissue maps.

Every image is simulated. Each site scans its own people (`flmrcm.simulation.anatomy`) with its own
protocol (`flmrcm.simulation.protocol`); equal fields give equal bytes on the same machine.
"""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from flmrcm.data.h5 import write_volume
from flmrcm.data.provenance import CANONICAL_ORIENTATION
from flmrcm.data.source import SPLITS
from flmrcm.errors import DataLayoutError, check_choice, require
from flmrcm.files import expand_home
from flmrcm.logs import track_progress
from flmrcm.simulation.anatomy import Grid
from flmrcm.simulation.cache_folder import generate_once, hash_text
from flmrcm.simulation.lesions import LESION_FORMAT, draw_lesion
from flmrcm.simulation.protocol import ScanProtocol
from flmrcm.simulation.scanner import (
    AcquisitionMatrix,
    make_matrix_rules,
    reconstruct_magnitude,
    simulate_scan,
)

SIMULATED_FORMAT = 3
"""Raise it whenever equal fields would give other images: old cache folders are then not used."""


@dataclass(frozen=True)
class SimulatedSite:
    """One simulated institution.

    Args:
        name: name of the site; the seeds of its people depend on it.
        protocol: scan protocol.
        cache: folder in which every site has a folder of its own.
        size: number of rows and of columns.
        subjects: number of people in each split, e.g. `{train: 6, val: 2, test: 3}`.
        slices: number of slices in a volume, evenly spread through the cerebrum.
        coils: number of receiver coils; 1 writes single-coil files.
        seed: seed of people and noise.
        lesions: whether everybody has a tumour; its mask is stored with each volume that shows it.

    Raises:
        ConfigErrors: fields outside their range, all of them together.
    """

    name: str
    protocol: ScanProtocol
    cache: Path | str
    size: int = 128
    subjects: Mapping[str, int] | None = None
    slices: int = 8
    coils: int = 1
    seed: int = 0
    lesions: bool | None = None

    def __post_init__(self) -> None:
        counts = self.counts
        require(
            {
                "name": (
                    self.name.replace("_", "").isalnum(),
                    f"use letters, digits and _ only; got {self.name!r}.",
                ),
                "data.simulated.subjects": (
                    set(counts) <= set(SPLITS) and all(n >= 0 for n in counts.values()),
                    f"give the number of people, 0 or more, for some of {', '.join(SPLITS)}; "
                    f"got {counts}.",
                ),
                "data.simulated.coils": (
                    1 <= self.coils <= 32,
                    f"give 1 (single-coil) to 32; got {self.coils}.",
                ),
            }
            | make_matrix_rules(self.size, self.slices)
        )

    @property
    def counts(self) -> dict[str, int]:
        """Number of people in each split."""
        return dict(self.subjects or {"train": 6, "val": 2, "test": 3})

    @property
    def about(self) -> str:
        """Every field that the images depend on, as text; the name of the cache folder."""
        fields = (self.name, self.protocol, self.size, self.counts, self.slices, self.coils)
        # without lesions it is as it was before there were any: so is the name of the folder
        ill = f", lesions of format {LESION_FORMAT}" if self.lesions else ""
        return f"simulated, format {SIMULATED_FORMAT}: {fields}, seed {self.seed}{ill}"

    def locate(self) -> Path:
        """Return the root folder of the data, whether they exist or not."""
        return expand_home(self.cache) / f"{self.name}-{hash_text(self.about)}"

    def ensure(self, contrast: str) -> Path:
        """Create the missing volumes of a contrast, then return the root folder.

        Raises:
            DataLayoutError: the protocol has no such contrast.
        """
        if problems := check_choice("contrast", contrast, list(self.protocol.sequences)):
            raise DataLayoutError(f"site {self.name} (simulated): {problems[0]}")
        generate_once(self.locate() / contrast, partial(self._make, contrast), self.about)
        return self.locate()

    def _make(self, contrast: str) -> None:
        people = [(split, number) for split in self.counts for number in range(self.counts[split])]
        with _use_one_thread():
            for split, number in track_progress(people, f"{self.name} {contrast} (simulated)"):
                path = self.locate() / contrast / split / f"{self.name}_{split}_{number:03d}.h5"
                if not path.exists():
                    self._write(path, contrast, (self.seed, self.name, split, number))

    def _write(self, path: Path, contrast: str, person: tuple[object, ...]) -> None:
        matrix = AcquisitionMatrix(self.size, self.slices, self.coils)
        drawn = draw_lesion(*person) if self.lesions else None
        kspace, mask = simulate_scan(self.protocol, matrix, contrast, person, drawn)
        target = reconstruct_magnitude(kspace)
        attributes = self._make_attributes(contrast, path.stem)
        shown = mask.numpy() if mask is not None and bool(mask.any()) else None
        write_volume(path, kspace.numpy(), target.numpy(), attributes, shown)

    def _make_attributes(self, contrast: str, subject: str) -> dict[str, object]:
        grid = Grid(self.size, self.protocol.field_mm, self.slices, self.protocol.thickness_mm)
        pixel, sequence = self.protocol.field_mm / self.size, self.protocol.sequences[contrast]
        return {
            "site": self.name,
            "subject": subject,
            "contrast": contrast,
            "voxel_mm": np.array([grid.spacing_mm, pixel, pixel]),
            "kspace_origin": "simulated",
            "source": "simulated from the MNI152 tissue maps that nilearn ships",
            "acquisition": f"simulated {sequence} at {self.protocol.tesla} T",
            "patient_id": hash_text(f"{self.seed} {subject}"),
            "orientation": CANONICAL_ORIENTATION,
            "native_shape": np.array([self.slices, self.size, self.size]),
            "prepare_version": f"simulated-{SIMULATED_FORMAT}",
        }


@contextmanager
def _use_one_thread() -> Generator[None]:
    """Let torch use one thread: for slices this small, several cost more than they save."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
