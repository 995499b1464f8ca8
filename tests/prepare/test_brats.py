"""BraTS as it is downloaded."""

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


def test_every_subject_has_the_wanted_contrasts(tmp_path):
    folder = download(tmp_path, "BraTS20_Training_002", "BraTS20_Training_001")
    volumes = list(BratsSource(folder, ["T1", "FLAIR"]).find())
    assert [(one.subject[-3:], one.contrast, one.paths[0].name[-12:]) for one in volumes] == [
        ("001", "T1", "01_t1.nii.gz"),
        ("001", "FLAIR", "flair.nii.gz"),
        ("002", "T1", "02_t1.nii.gz"),
        ("002", "FLAIR", "flair.nii.gz"),
    ]


def test_segmentations_with_other_names_are_ignored_and_files_may_be_uncompressed(tmp_path):
    folder = download(tmp_path, "BraTS20_Training_355", ending=".nii")
    (tmp_path / "BraTS20_Training_355" / "W39_1998.09.19_Segm.nii").touch()
    assert [one.subject for one in BratsSource(folder, ["T2"]).find()] == ["BraTS20_Training_355"]


def test_a_missing_contrast_is_reported_and_the_others_are_found(tmp_path):
    folder = download(tmp_path, "BraTS20_Training_001", ends=("t1",))
    first, second = BratsSource(folder).find()
    assert isinstance(first, FoundVolume)
    assert isinstance(second, UnusableVolume)
    assert "BraTS20_Training_001 has no T2" in str(second)


def test_visits_of_2023_belong_to_one_person(tmp_path):
    for visit in ("000", "001"):
        path = tmp_path / f"BraTS-GLI-00007-{visit}-t1n.nii.gz"
        path.touch()
    volumes = list(BratsSource(str(tmp_path), ["T1"]).find())
    assert {volume.subject for volume in volumes} == {"BraTS-GLI-00007"}
    assert [volume.scan for volume in volumes] == ["000", "001"]


def test_a_volume_is_read_like_any_nifti_file(tmp_path):
    write_nifti(tmp_path / "BraTS20_Training_001_t1.nii.gz", codes="LPS")
    (volume,) = BratsSource(str(tmp_path), ["T1"]).find()
    scan = BratsSource(str(tmp_path), ["T1"]).read(volume)
    np.testing.assert_array_equal(scan.image, head().transpose(2, 1, 0)[:, ::-1, ::-1])


def test_a_folder_without_brats_files_is_explained(tmp_path):
    download(tmp_path, "somebody", ends=("bold",))
    with pytest.raises(DataLayoutError, match="BraTS20_Training_001_t1"):
        list(BratsSource(str(tmp_path)).find())
    with pytest.raises(ConfigErrors, match="contrasts=T1c: use one of T1, T1ce, T2, FLAIR"):
        BratsSource(str(tmp_path), ["T1c"])
