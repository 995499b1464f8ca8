"""A folder of DICOM files: the series that become volumes, their orientation, and no names."""

import logging
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kits.dicom_files import uid, volume, write_enhanced, write_everywhere, write_series
from numpy.testing import assert_allclose, assert_array_equal
from pydicom import dcmread
from pydicom.dataset import Dataset

from flmrcm.errors import ConfigErrors, DataLayoutError
from flmrcm.prepare.dicom import DicomSource
from flmrcm.prepare.scan import FoundVolume, Scan, UnusableVolume

PATTERNS = {"T1": "t1", "T2": "t2"}


def source(folder: Path, **options: Any) -> DicomSource:
    return DicomSource(str(folder), PATTERNS, **options)


def find(folder: Path, **options: Any) -> list[FoundVolume]:
    items = list(source(folder, **options).find())
    assert not [item for item in items if isinstance(item, UnusableVolume)]
    return [item for item in items if isinstance(item, FoundVolume)]


def read_scan(folder: Path, **options: Any) -> Scan:
    (one,) = find(folder, **options)
    return source(folder, **options).read(one)


@pytest.mark.parametrize(("frame", "echo"), [(0, 3.0), (1, 7.0)])
def test_the_echo_time_is_that_of_the_chosen_echo(tmp_path: Path, frame: int, echo: float) -> None:
    path = write_enhanced(tmp_path, np.repeat(volume(), 2, 0), order=range(12))
    dataset = dcmread(path)
    for index, item in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        item.MREchoSequence = [Dataset()]
        item.MREchoSequence[0].EffectiveEchoTime = (3.0, 7.0)[index % 2]
        place = [-20.0, -20.0, 3.0 * (index // 2) - 20]
        item.PlanePositionSequence[0].ImagePositionPatient = place
    dataset.save_as(path)
    assert read_scan(tmp_path, frame=frame).attributes["echo_time_ms"] == echo


def test_slices_are_sorted_by_position_not_by_name_or_number(tmp_path: Path) -> None:
    paths = write_series(tmp_path, volume())
    scan = read_scan(tmp_path)
    assert_array_equal(scan.image, volume())
    assert scan.image.dtype == np.float32
    assert (scan.orientation, scan.native_orientation) == ("SPL", "SPL")
    assert_allclose(scan.voxel_mm, (3, 1.5, 2))
    for old, new in zip(paths, np.random.default_rng(0).permutation(len(paths)), strict=True):
        old.rename(old.with_name(f"{new}.dcm"))
    assert_array_equal(read_scan(tmp_path).image, volume())


@pytest.mark.parametrize(
    ("directions", "axes", "native"),
    [
        (((-1, 0, 0), (0, 1, 0)), lambda image: image[::-1, :, ::-1], "IPR"),
        (((0, 1, 0), (0, 0, -1)), lambda image: image.transpose(2, 0, 1)[::-1, ::-1], "RIP"),
        (((1, 0, 0), (0, 0, -1)), lambda image: image.transpose(1, 0, 2)[:, ::-1], "PIL"),
    ],
    ids=["axial, reversed", "sagittal", "coronal"],
)
def test_the_result_does_not_depend_on_the_plane_of_the_scan(
    tmp_path: Path, directions: Any, axes: Any, native: str
) -> None:
    head = volume()
    write_series(tmp_path, axes(head), directions=directions)
    scan = read_scan(tmp_path)
    assert scan.native_orientation == native
    assert scan.orientation == "SPL"
    assert_array_equal(scan.image, head)


def test_enhanced_and_classic_files_of_one_scan_give_the_same_volume(tmp_path: Path) -> None:
    def rescale(dataset: Dataset, index: int) -> None:
        dataset.RescaleSlope, dataset.RescaleIntercept = 1 + index, -index

    write_series(tmp_path / "classic", volume(), edit=rescale)
    write_enhanced(tmp_path / "enhanced", volume(), order=[3, 0, 5, 1, 4, 2])
    classic, enhanced = read_scan(tmp_path / "classic"), read_scan(tmp_path / "enhanced")
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
    ones, twos = sorted(find(tmp_path), key=lambda one: one.scan != uid("one"))
    assert (ones.subject, ones.contrast, len(ones.paths)) == ("P1", "T1", len(first))
    assert ones.scan != twos.scan
    assert_array_equal(source(tmp_path).read(twos).image, volume(seed=1))


UNUSED = {
    "localisers": {"SeriesDescription": "t1 Localizer"},
    "derived images": {"ImageType": ["DERIVED", "SECONDARY", "M"]},
    "phase, real or imaginary": {"ImageType": ["ORIGINAL", "PRIMARY", "P", "ND"]},
    "no MR images": {"Modality": "CT"},
    "diffusion images": {"SeriesDescription": "dwi of Jane Doe"},
    "its name tells no known contrast": {"SeriesDescription": "Jane Doe"},
    "no pattern of contrast_patterns": {"SeriesDescription": "mprage of Jane Doe"},
    "echo-planar images": {"ScanningSequence": ["SE", "EP"]},
    "named T1, but its echo time is 90 ms": {"EchoTime": 90.0},
}


@pytest.mark.parametrize("reason", UNUSED)
def test_a_series_that_is_not_used_is_logged_with_the_reason(
    tmp_path: Path, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    def edit(dataset: Dataset, index: int) -> None:
        for keyword, value in UNUSED[reason].items():
            setattr(dataset, keyword, value)

    write_series(tmp_path, volume(), edit=edit)
    caplog.set_level(logging.INFO)
    assert find(tmp_path) == []
    assert f"not used: 1 series, 6 files (SeriesNumber 3): {reason}" in caplog.text
    assert "Doe" not in caplog.text


def test_keep_derived_uses_derived_images(tmp_path: Path) -> None:
    def derived(dataset: Dataset, index: int) -> None:
        dataset.ImageType = ["DERIVED", "SECONDARY"]

    write_series(tmp_path, volume(), edit=derived)
    assert len(find(tmp_path, keep_derived=True)) == 1


def test_only_wanted_contrasts_are_found(tmp_path: Path) -> None:
    write_series(tmp_path, volume())
    assert find(tmp_path, contrasts=["T2"]) == []
    assert len(find(tmp_path, contrasts=["T2", "T1"])) == 1


def test_a_name_in_the_header_is_in_no_field_of_the_scan(tmp_path: Path) -> None:
    write_series(tmp_path, volume(), edit=lambda dataset, _: write_everywhere(dataset, "XYZZY"))
    scan = read_scan(tmp_path)
    assert "XYZZY" not in repr(scan)
    assert scan.acquisition == "GR"
    assert scan.attributes == {"field_strength_t": 3.0, "repetition_time_ms": 500.0}


def test_a_known_manufacturer_is_kept(tmp_path: Path) -> None:
    def set_manufacturer(dataset: Dataset, index: int) -> None:
        dataset.Manufacturer = "GE MEDICAL SYSTEMS"

    write_series(tmp_path, volume(), edit=set_manufacturer)
    assert read_scan(tmp_path).attributes["manufacturer"] == "ge"


def test_without_patient_ids_studies_can_be_the_subjects(tmp_path: Path) -> None:
    def anonymous(dataset: Dataset, index: int) -> None:
        dataset.PatientID = ""

    write_series(tmp_path, volume(), edit=anonymous)
    (skipped,) = source(tmp_path).find()
    assert "no PatientID; try subject_field=StudyInstanceUID" in str(skipped)
    assert find(tmp_path, subject_field="StudyInstanceUID")[0].subject == uid("study")


def test_a_broken_file_is_reported_and_a_viewer_beside_it_is_not(tmp_path: Path) -> None:
    write_series(tmp_path, volume())
    (tmp_path / "IM9999").write_bytes(b"")
    (tmp_path / "autorun.exe").write_bytes(b"MZ" * 100)
    skipped = [item for item in source(tmp_path).find() if isinstance(item, UnusableVolume)]
    assert len(skipped) == 1
    assert f"{tmp_path}/IM9999: " in str(skipped[0])


def test_a_missing_folder_is_explained(tmp_path: Path) -> None:
    with pytest.raises(DataLayoutError, match="doesn't exist"):
        list(source(tmp_path / "nowhere").find())


def test_all_config_problems_are_reported_together() -> None:
    with pytest.raises(ConfigErrors) as caught:
        DicomSource("x", {"T1": "("}, ["T3"], "axal", "PatientId")
    text = str(caught.value)
    assert "Did you mean 'PatientID'?" in text
    assert "Did you mean 'axial'?" in text
    assert "contrast_patterns.T1=(: not a regular expression" in text
    assert "contrasts=T3: use one of T1" in text
