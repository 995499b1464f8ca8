"""A BIDS data set: what its names say, and that only raw images are found."""

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from flmrcm.errors import ConfigErrors, DataLayoutError
from flmrcm.prepare.bids import BidsSource, classify_bids, parse_entities, split_subject
from flmrcm.prepare.nifti import NiftiSource
from flmrcm.prepare.scan import FoundVolume

CASES = Path(__file__).parents[3] / "shared" / "cases"
RAW = "sub-01/ses-a/anat/sub-01_ses-a_run-1_T1w.nii.gz"
DERIVED = "derivatives/prep/sub-01/ses-a/anat/sub-01_ses-a_run-1_T1w.nii.gz"


def make_tree(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def find(folder: Path, **options: object) -> list[tuple[str, str, str]]:
    volumes = BidsSource(str(folder), **options).find()  # pyright: ignore[reportArgumentType]
    return [(v.subject, v.contrast, v.scan) for v in volumes if isinstance(v, FoundVolume)]


def test_a_name_is_its_entities_and_a_suffix() -> None:
    assert parse_entities("sub-01_ses-pre_run-2_T1w") == {
        "sub": "01", "ses": "pre", "run": "2", "suffix": "T1w",
    }  # fmt: skip
    assert split_subject("sub-01_ses-pre_run-2_T1w") == ("01", "ses-pre_run-2")
    for name in ("T1w", "x_T1w", "sub-01_odd_T1w", "ses-1_T1w", "sub-01_run-1", "sub-01", ""):
        assert parse_entities(name) is None


def test_each_scan_of_a_subject_is_a_volume(tmp_path: Path) -> None:
    make_tree(
        tmp_path, RAW, "sub-01/ses-a/anat/sub-01_ses-a_ce-gd_T1w.nii", "sub-2/anat/sub-2_FLAIR.nii",
        "sub-2/func/sub-2_task-T1w_bold.nii.gz", "sub-2/anat/sub-2_T2w.json", "T1w.nii",
    )  # fmt: skip
    assert find(tmp_path) == [
        ("01", "T1ce", "ses-a_ce-gd"), ("01", "T1", "ses-a_run-1"), ("2", "FLAIR", ""),
    ]  # fmt: skip
    assert find(tmp_path, contrasts=["FLAIR"]) == [("2", "FLAIR", "")]


def test_derivatives_are_left_out_unless_they_are_the_input(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    mask = "derivatives/prep/sub-01/anat/sub-01_space-T1w_desc-brain_mask.nii.gz"
    make_tree(tmp_path, RAW, DERIVED, mask, f"sourcedata/{RAW}")
    (volume,) = BidsSource(str(tmp_path)).find()
    assert isinstance(volume, FoundVolume)
    assert volume.paths == (tmp_path / RAW,)
    assert "not used: 3 files: copies in derivatives or sourcedata" in caplog.text
    assert find(tmp_path / "derivatives") == [("01", "T1", "ses-a_run-1")]


def test_any_source_of_nifti_files_leaves_them_out(tmp_path: Path) -> None:
    make_tree(tmp_path, RAW, DERIVED, "sub-01/anat/sub-01_acq-T1w_RB1map.nii")
    found = list(NiftiSource(str(tmp_path), "sub-([^_/]+)", scan_pattern="run-.").find())
    assert [v.paths for v in found if isinstance(v, FoundVolume)] == [(tmp_path / RAW,)]


def test_suffixes_of_ones_own_are_contrasts(tmp_path: Path) -> None:
    make_tree(tmp_path, RAW, "sub-01/anat/sub-01_T2starw.nii")
    own = {"T1w": "T1", "T2starw": "T2star"}
    assert find(tmp_path, suffixes=own, contrasts=["T2star"]) == [("01", "T2star", "")]
    assert classify_bids("sub-01_ce-gd_T2starw", own).reason == "T2star after a contrast agent"


def test_nothing_to_use_and_unknown_contrasts_are_explained(tmp_path: Path) -> None:
    make_tree(tmp_path, "sub-01/anat/sub-01_MPM.nii")
    with pytest.raises(DataLayoutError, match=r"one name is 'sub-01_MPM\.nii'"):
        find(tmp_path)
    with pytest.raises(ConfigErrors, match="contrasts=T3: use one of"):
        BidsSource("x", contrasts=["T3"])
    with pytest.raises(ConfigErrors, match="Did you mean 'axial'"):
        BidsSource("x", plane="axail")


@pytest.mark.skipif(not CASES.exists(), reason="no ../shared/cases")
def test_of_masks_and_derivatives_beside_the_images_only_raw_images_are_found(
    tmp_path: Path,
) -> None:
    subprocess.run([sys.executable, CASES / "make_bids.py", tmp_path], check=True)
    found = find(tmp_path)
    assert len(found) == 32
    assert {contrast for _, contrast, _ in found} == {"T1"}
    assert len({subject for subject, _, _ in found}) == 8
    nifti = NiftiSource(str(tmp_path), "sub-([^_/]+)", scan_pattern="(?:ses|run)-[a-z0-9]+").find()
    raw = [v for v in nifti if isinstance(v, FoundVolume)]
    assert len(raw) == len({(v.subject, v.scan) for v in raw}) == 32
