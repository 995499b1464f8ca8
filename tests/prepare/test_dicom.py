"""A folder of DICOM files: which series become volumes, how they lie, and what never passes."""

import logging
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kits.dicom_files import plant, uid, volume, write_enhanced, write_series
from numpy.testing import assert_allclose, assert_array_equal
from pydicom.dataset import Dataset

from flmrcm.errors import ConfigErrors, DataLayoutError
from flmrcm.prepare.dicom import DicomSource
from flmrcm.prepare.scan import FoundVolume, Scan, UnusableVolume

PATTERNS = {"T1": "t1", "T2": "t2"}


def source(folder: Path, **options: Any) -> DicomSource:
    return DicomSource(str(folder), PATTERNS, **options)


def found(folder: Path, **options: Any) -> list[FoundVolume]:
    everything = list(source(folder, **options).find())
    assert not [item for item in everything if isinstance(item, UnusableVolume)]
    return [item for item in everything if isinstance(item, FoundVolume)]


def scan_of(folder: Path, **options: Any) -> Scan:
    (one,) = found(folder, **options)
    return source(folder, **options).read(one)


def test_slices_are_sorted_by_where_they_lie_not_by_name_or_number(tmp_path: Path) -> None:
    paths = write_series(tmp_path, volume())
    scan = scan_of(tmp_path)
    assert_array_equal(scan.image, volume())
    assert scan.image.dtype == np.float32
    assert (scan.orientation, scan.native_orientation) == ("SPL", "SPL")
    assert_allclose(scan.voxel_mm, (3, 1.5, 2))
    for old, new in zip(paths, np.random.default_rng(0).permutation(len(paths)), strict=True):
        old.rename(old.with_name(f"{new}.dcm"))
    assert_array_equal(scan_of(tmp_path).image, volume())


@pytest.mark.parametrize(
    ("directions", "axes", "native"),
    [
        (((-1, 0, 0), (0, 1, 0)), lambda image: image[::-1, :, ::-1], "IPR"),
        (((0, 1, 0), (0, 0, -1)), lambda image: image.transpose(2, 0, 1)[::-1, ::-1], "RIP"),
        (((1, 0, 0), (0, 0, -1)), lambda image: image.transpose(1, 0, 2)[:, ::-1], "PIL"),
    ],
    ids=["axial, turned round", "sagittal", "coronal"],
)
def test_however_a_head_was_sliced_it_comes_out_alike(
    tmp_path: Path, directions: Any, axes: Any, native: str
) -> None:
    head = volume()
    write_series(tmp_path, axes(head), directions=directions)
    scan = scan_of(tmp_path)
    assert scan.native_orientation == native
    assert scan.orientation == "SPL"
    assert_array_equal(scan.image, head)


def test_enhanced_and_classic_files_of_one_scan_are_one_volume(tmp_path: Path) -> None:
    def rescale(dataset: Dataset, index: int) -> None:
        dataset.RescaleSlope, dataset.RescaleIntercept = 1 + index, -index

    write_series(tmp_path / "classic", volume(), edit=rescale)
    write_enhanced(tmp_path / "enhanced", volume(), order=[3, 0, 5, 1, 4, 2])
    classic, enhanced = scan_of(tmp_path / "classic"), scan_of(tmp_path / "enhanced")
    assert_array_equal(
        classic.image, volume() * np.arange(1, 7)[:, None, None] - np.arange(6)[:, None, None]
    )
    assert_array_equal(enhanced.image, classic.image)
    assert enhanced.voxel_mm == pytest.approx(classic.voxel_mm)
    assert enhanced.native_shape == classic.native_shape == (6, 10, 8)


def test_each_series_is_a_volume_and_a_copied_file_counts_once(tmp_path: Path) -> None:
    first = write_series(tmp_path, volume(), "one")
    write_series(tmp_path, volume(seed=1), "two")
    shutil.copytree(tmp_path / "one", tmp_path / "backup")
    ones, twos = sorted(found(tmp_path), key=lambda one: one.scan != uid("one"))
    assert (ones.subject, ones.contrast, len(ones.paths)) == ("P1", "T1", len(first))
    assert ones.scan != twos.scan
    assert_array_equal(source(tmp_path).read(twos).image, volume(seed=1))


LEFT_ALONE = {
    "localisers": {"SeriesDescription": "t1 Localizer"},
    "derived images": {"ImageType": ["DERIVED", "SECONDARY", "M"]},
    "phase, real or imaginary": {"ImageType": ["ORIGINAL", "PRIMARY", "P", "ND"]},
    "no MR images": {"Modality": "CT"},
    "none of contrast_patterns": {"SeriesDescription": "dwi of Jane Doe"},
}


@pytest.mark.parametrize("reason", LEFT_ALONE)
def test_what_is_no_volume_is_left_alone_and_said(
    tmp_path: Path, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    def edit(dataset: Dataset, index: int) -> None:
        for keyword, value in LEFT_ALONE[reason].items():
            setattr(dataset, keyword, value)

    write_series(tmp_path, volume(), edit=edit)
    caplog.set_level(logging.INFO)
    assert found(tmp_path) == []
    assert f"left alone: 1 series, 6 files (SeriesNumber 3): {reason}" in caplog.text
    assert "Doe" not in caplog.text


def test_derived_images_are_taken_when_asked_for(tmp_path: Path) -> None:
    def derived(dataset: Dataset, index: int) -> None:
        dataset.ImageType = ["DERIVED", "SECONDARY"]

    write_series(tmp_path, volume(), edit=derived)
    assert len(found(tmp_path, keep_derived=True)) == 1


def test_only_wanted_contrasts_are_found(tmp_path: Path) -> None:
    write_series(tmp_path, volume())
    assert found(tmp_path, contrasts=["T2"]) == []
    assert len(found(tmp_path, contrasts=["T2", "T1"])) == 1


def test_a_planted_name_reaches_no_field_of_the_scan(tmp_path: Path) -> None:
    write_series(tmp_path, volume(), edit=lambda dataset, _: plant(dataset, "XYZZY"))
    scan = scan_of(tmp_path)
    assert "XYZZY" not in repr(scan)
    assert scan.acquisition == "GR"
    assert scan.attributes == {"field_strength_t": 3.0, "repetition_time_ms": 500.0}


def test_the_makers_known_name_passes(tmp_path: Path) -> None:
    def made(dataset: Dataset, index: int) -> None:
        dataset.Manufacturer = "GE MEDICAL SYSTEMS"

    write_series(tmp_path, volume(), edit=made)
    assert scan_of(tmp_path).attributes["manufacturer"] == "ge"


def test_without_patients_studies_can_be_the_subjects(tmp_path: Path) -> None:
    def anonymous(dataset: Dataset, index: int) -> None:
        dataset.PatientID = ""

    write_series(tmp_path, volume(), edit=anonymous)
    (skipped,) = source(tmp_path).find()
    assert "no PatientID; try subject_field=StudyInstanceUID" in str(skipped)
    assert found(tmp_path, subject_field="StudyInstanceUID")[0].subject == uid("study")


def test_a_broken_file_is_named_and_a_viewer_beside_it_is_not(tmp_path: Path) -> None:
    write_series(tmp_path, volume())
    (tmp_path / "IM9999").write_bytes(b"")
    (tmp_path / "autorun.exe").write_bytes(b"MZ" * 100)
    skipped = [item for item in source(tmp_path).find() if isinstance(item, UnusableVolume)]
    assert len(skipped) == 1
    assert f"{tmp_path}/IM9999: " in str(skipped[0])


def test_a_folder_that_is_not_there_is_explained(tmp_path: Path) -> None:
    with pytest.raises(DataLayoutError, match="isn't there"):
        list(source(tmp_path / "nowhere").find())


def test_all_config_problems_come_together() -> None:
    with pytest.raises(ConfigErrors) as caught:
        DicomSource("x", {"T1": "("}, ["T3"], "axal", "PatientId")
    text = str(caught.value)
    assert "Did you mean 'PatientID'?" in text
    assert "Did you mean 'axial'?" in text
    assert "contrast_patterns.T1=(: not a regular expression" in text
    assert "contrasts=T3: use one of T1" in text
