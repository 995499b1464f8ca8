"""Undersampled files are named, with what they can still be used for."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from kits.inspection import inspect_folder
from kits.raw_files import plain_kspace, write_kspace

LINES = np.arange(32) % 2 + (abs(np.arange(32) - 16) < 4) > 0
GAPS = f"{np.sum(~LINES) - 1} columns of zeros between acquired ones"


def inspect(
    folder: Path, kspace: np.ndarray, target: bool = True, lines: Any = True, **more: Any
) -> dict[str, str]:
    """Return kind → text of the suspicions about a file; of its k-space only lines are kept."""
    path = write_kspace(folder / "site" / "T1" / "train" / "v.h5", kspace, target, **more)
    with h5py.File(path, "a") as file:
        file["kspace"][...] *= lines
    ((volume, suspicions),) = [(x.facts, x.suspicions) for x in inspect_folder(folder)]
    assert volume.place.path == path
    return dict(suspicions)


def test_undersampled_kspace_is_named_with_its_use(tmp_path: Path) -> None:
    found = inspect(tmp_path, plain_kspace(), lines=LINES)
    assert found == {
        "undersampled": f"undersampled k-space: {GAPS}; only mask=file takes it as it is"
    }
    found = inspect(tmp_path, plain_kspace(), mask=np.ones(32))
    assert found == {
        "undersampled": "undersampled k-space: a data set 'mask'; only mask=file takes it as it is"
    }


def test_a_target_made_from_undersampled_kspace_is_named(tmp_path: Path) -> None:
    found = inspect(tmp_path, plain_kspace() * LINES)
    assert "what networks start from" in found["other target"]


def test_a_scan_to_be_reconstructed_is_named_as_one(tmp_path: Path) -> None:
    found = inspect(tmp_path, plain_kspace() * LINES, target=False, mask=LINES)
    assert set(found) == {"undersampled", "no target"}
    assert "with mask=file it's reconstructed, not scored" in found["no target"]


def test_a_mask_that_cannot_be_used_is_explained(tmp_path: Path) -> None:
    found = inspect(tmp_path, plain_kspace() * LINES, target=False, mask=np.ones(16))
    assert "its 'mask' is (16,), its k-space 16×32" in found["undersampled"]
    found = inspect(tmp_path, plain_kspace() * LINES, target=False, mask=np.ones(32))
    assert "contradict each other" in found["undersampled"]
