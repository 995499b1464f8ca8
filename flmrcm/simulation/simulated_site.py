"""The embedded multi-site set: institutions simulated from real tissue maps.

Every image is simulated. Each site scans its own people (`flmrcm.simulation.anatomy`) with its own
protocol (`flmrcm.simulation.protocol`); the same fields give the same bytes on the same machine.
"""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from flmrcm.data.h5 import write_volume
from flmrcm.data.source import SPLITS
from flmrcm.errors import DataLayoutError, check_choice, require
from flmrcm.simulation.anatomy import Grid
from flmrcm.simulation.cache_folder import generate_once, hash_text, track_progress
from flmrcm.simulation.protocol import ScanProtocol
from flmrcm.simulation.scanner import AcquisitionMatrix, reconstruct_magnitude, simulate_scan

SIMULATED_FORMAT = 2
"""Raise it whenever equal fields would give other images: old caches are then left alone."""

ORIENTATION = "SPL"
"""Where slices, rows and columns lead to: superior, posterior, left (radiological)."""


@dataclass(frozen=True)
class SimulatedSite:
    """One simulated institution.

    Args:
        name: of the site; part of the address of its subjects.
        protocol: how it scans.
        cache: folder below which every site keeps its own.
        size: rows and columns of the matrix.
        subjects: people per split, e.g. `{train: 6, val: 2, test: 3}`.
        slices: per volume, evenly spread through the cerebrum.
        coils: 1 writes single-coil files, more write multi-coil ones.
        seed: of people and noise.

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

    def __post_init__(self) -> None:
        counts = self.counts
        require(
            {
                "name": (
                    self.name.replace("_", "").isalnum(),
                    f"letters, digits and _; got {self.name!r}.",
                ),
                "data.simulated.size": (
                    16 <= self.size <= 512 and self.size % 2 == 0,
                    f"an even number from 16 to 512; got {self.size}.",
                ),
                "data.simulated.subjects": (
                    set(counts) <= set(SPLITS) and all(n >= 0 for n in counts.values()),
                    f"people per split ({', '.join(SPLITS)}), 0 or more; got {counts}.",
                ),
                "data.simulated.slices": (self.slices >= 1, f"at least 1; got {self.slices}."),
                "data.simulated.coils": (
                    1 <= self.coils <= 32,
                    f"1 (single-coil) to 32; got {self.coils}.",
                ),
            }
        )

    @property
    def counts(self) -> dict[str, int]:
        """People per split."""
        return dict(self.subjects or {"train": 6, "val": 2, "test": 3})

    @property
    def about(self) -> str:
        """Every field that the images depend on, in words."""
        fields = (self.name, self.protocol, self.size, self.counts, self.slices, self.coils)
        return f"simulated, format {SIMULATED_FORMAT}: {fields}, seed {self.seed}"

    def locate(self) -> Path:
        """Return the root folder of the data, whether they exist or not."""
        return Path(self.cache).expanduser() / f"{self.name}-{hash_text(self.about)}"

    def ensure(self, contrast: str) -> Path:
        """Makes what is missing of a contrast, then gives the folder.

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
        kspace = simulate_scan(self.protocol, matrix, contrast, person)
        target = reconstruct_magnitude(kspace)
        attributes = self._make_attributes(contrast, path.stem)
        write_volume(path, kspace.numpy(), target.numpy(), attributes)

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
            "orientation": ORIENTATION,
            "native_shape": np.array([self.slices, self.size, self.size]),
            "prepare_version": f"simulated-{SIMULATED_FORMAT}",
        }


@contextmanager
def _use_one_thread() -> Generator[None]:
    """One torch thread: for slices this small, several cost more than they save."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
