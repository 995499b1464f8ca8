"""Laws of BraTS as downloaded."""

import numpy as np
import pytest
from kits.prepare import head, write_nifti

from flmrcm.errors import ConfigErrors, DataLayoutError
from flmrcm.prepare.brats import BratsSource
from flmrcm.prepare.scan import FoundVolume, UnusableVolume


def download(root, *subjects, ends=("t1", "t1ce", "t2", "flair", "seg"), ending=".nii.gz"):
    for subject in subjects:
        for end in ends:
            path = root / subject / f"{subject}_{end}{ending}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    return str(root)


def test_every_subject_has_the_contrasts_asked_for(tmp_path):
    given = download(tmp_path, "BraTS20_Training_002", "BraTS20_Training_001")
    found = list(BratsSource(given, ["T1", "FLAIR"]).find())
    assert [(item.subject[-3:], item.contrast, item.paths[0].name[-12:]) for item in found] == [
        ("001", "T1", "01_t1.nii.gz"),
        ("001", "FLAIR", "flair.nii.gz"),
        ("002", "T1", "02_t1.nii.gz"),
        ("002", "FLAIR", "flair.nii.gz"),
    ]


def test_misnamed_segmentations_are_left_alone_and_unzipped_files_read(tmp_path):
    given = download(tmp_path, "BraTS20_Training_355", ending=".nii")
    (tmp_path / "BraTS20_Training_355" / "W39_1998.09.19_Segm.nii").touch()
    assert [item.subject for item in BratsSource(given, ["T2"]).find()] == ["BraTS20_Training_355"]


def test_a_missing_contrast_is_a_line_and_the_rest_goes_on(tmp_path):
    given = download(tmp_path, "BraTS20_Training_001", ends=("t1",))
    first, second = BratsSource(given).find()
    assert isinstance(first, FoundVolume)
    assert isinstance(second, UnusableVolume)
    assert "BraTS20_Training_001 has no T2" in str(second)


def test_visits_of_2023_belong_to_one_person(tmp_path):
    for visit in ("000", "001"):
        path = tmp_path / f"BraTS-GLI-00007-{visit}-t1n.nii.gz"
        path.touch()
    found = list(BratsSource(str(tmp_path), ["T1"]).find())
    assert {item.subject for item in found} == {"BraTS-GLI-00007"}
    assert [item.scan for item in found] == ["000", "001"]


def test_a_volume_is_read_as_any_nifti(tmp_path):
    write_nifti(tmp_path / "BraTS20_Training_001_t1.nii.gz", codes="LPS")
    (found,) = (item for item in BratsSource(str(tmp_path), ["T1"]).find())
    scan = BratsSource(str(tmp_path), ["T1"]).read(found)
    np.testing.assert_array_equal(scan.image, head().transpose(2, 1, 0)[:, ::-1, ::-1])


def test_what_is_not_brats_is_explained(tmp_path):
    download(tmp_path, "somebody", ends=("bold",))
    with pytest.raises(DataLayoutError, match="BraTS20_Training_001_t1"):
        list(BratsSource(str(tmp_path)).find())
    with pytest.raises(ConfigErrors, match="contrasts=T1c: use one of T1, T1ce, T2, FLAIR"):
        BratsSource(str(tmp_path), ["T1c"])
