"""Attributes are read if they are there and of the right type; other ones count as missing."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from kits.factories import write_plain

from flmrcm.data.provenance import Provenance, read_provenance
from flmrcm.errors import DataLayoutError


def write_and_read(path: Path, **attributes: object) -> Provenance:
    write_plain(path)
    with h5py.File(path, "r+") as file:
        file.attrs.update(attributes)
    return read_provenance(path)


def test_the_attributes_of_the_file_format_are_read(tmp_path: Path) -> None:
    provenance = write_and_read(
        tmp_path / "v.h5", contrast="T1", orientation=b"SPL", kspace_origin="magnitude",
        patient_id=17, voxel_mm=np.array([3, 1, 1]), max=2.5, norm=np.float32(4),
    )  # fmt: skip
    assert provenance == Provenance("T1", "SPL", "magnitude", "17", (3.0, 1.0, 1.0), 2.5, 4.0)


def test_missing_attributes_are_empty(tmp_path: Path) -> None:
    assert write_and_read(tmp_path / "v.h5") == Provenance()


def test_attributes_of_another_type_count_as_missing(tmp_path: Path) -> None:
    provenance = write_and_read(
        tmp_path / "v.h5", contrast=np.ones(3), voxel_mm="1 mm", max="bright", norm=np.nan,
    )  # fmt: skip
    assert provenance == Provenance()
    assert write_and_read(tmp_path / "w.h5", voxel_mm=np.array([1, 0, 1])).voxel_mm is None


def test_rows_are_numbered_downwards_and_columns_to_the_right() -> None:
    edges = Provenance(orientation="SPL").edges
    assert edges == {"top": "A", "bottom": "P", "left": "R", "right": "L"}


@pytest.mark.parametrize("orientation", ["", "SP", "SPP", "SPX", "SAP", "up"])
def test_an_impossible_orientation_has_no_letters(orientation: str) -> None:
    assert Provenance(orientation=orientation).edges == {}


def test_an_unreadable_file_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "v.h5").write_text("no images")
    with pytest.raises(DataLayoutError, match=r"v\.h5: not a readable HDF5 file"):
        read_provenance(tmp_path / "v.h5")
