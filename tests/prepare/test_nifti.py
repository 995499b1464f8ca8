"""Any folder of NIfTI files: names hold subject and contrast, or a line reports that they don't."""

import logging

import pytest
import yaml

from flmrcm.config.conf_files import find_primary
from flmrcm.errors import ConfigErrors, DataLayoutError
from flmrcm.prepare.nifti import NiftiSource
from flmrcm.prepare.scan import FoundVolume, UnusableVolume

DEFAULTS = yaml.safe_load((find_primary("prepare").parent / "source" / "nifti.yaml").read_text())
KEYS = ("subject_pattern", "scan_pattern", "contrast_patterns")


def source(tmp_path, *names, **options):
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    own = {key: DEFAULTS[key] for key in KEYS}
    return NiftiSource(str(tmp_path), **(own | options))


def find(nifti_source):
    return [
        (item.subject, item.contrast, item.scan) if isinstance(item, FoundVolume) else str(item)
        for item in nifti_source.find()
    ]


def test_bids_names_are_understood(tmp_path):
    bids = source(
        tmp_path,
        "sub-01/ses-a/anat/sub-01_ses-a_T1w.nii.gz",
        "sub-01/ses-b/anat/sub-01_ses-b_run-2_T1w.nii.gz",
        "sub-02/anat/sub-02_T2w.nii",
        "sub-02/anat/sub-02_FLAIR.nii.gz",
        "sub-02/anat/sub-02_ce-gd_T1w.nii.gz",
        "sub-02/anat/sub-02_PDw.nii.gz",
    )
    assert sorted(find(bids)) == [
        ("01", "T1", "ses-a"),
        ("01", "T1", "ses-b_run-2"),
        ("02", "FLAIR", ""),
        ("02", "PD", ""),
        ("02", "T1ce", ""),
        ("02", "T2", ""),
    ]


@pytest.mark.parametrize(
    ("name", "contrast"),
    [
        ("x_t1.nii", "T1"), ("T1.nii", "T1"), ("x-T1W.nii", "T1"), ("x_T1ce.nii", "T1ce"),
        ("x_t2flair.nii", "FLAIR"), ("x_T2.nii", "T2"), ("x_bold.nii", None),
        ("x_T1map.nii", None), ("x_T2star.nii", None),
    ],
)  # fmt: skip
def test_contrasts_are_whole_words(tmp_path, name, contrast):
    files = source(tmp_path, name, "sub-1_T1w.nii", subject_pattern="^.")
    assert [item[1] for item in find(files) if item[0] != "s"] == ([contrast] if contrast else [])


def test_contrasts_can_be_chosen_and_the_other_files_are_counted(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    files = source(tmp_path, "sub-1_T1w.nii", "sub-1_T2w.nii", "sub-1_mask.nii", contrasts=["T2"])
    assert find(files) == [("1", "T2", "")]
    assert "not used: 1 file: another contrast than those in contrasts" in caplog.text
    assert "not used: 1 file: masks or segmentations" in caplog.text


def test_the_name_of_a_folder_can_be_the_subject(tmp_path):
    files = source(tmp_path, "p7/day1/T1.nii", subject_pattern=r"^(\w+)/", scan_pattern=r"day\d")
    assert find(files) == [("p7", "T1", "day1")]


def test_a_file_that_names_no_subject_is_reported(tmp_path):
    (first, second) = source(tmp_path, "sub-1_T1w.nii", "x_T1w.nii").find()
    assert isinstance(first, FoundVolume)
    assert isinstance(second, UnusableVolume)
    assert "x_T1w.nii: names no subject" in str(second)


def test_a_tree_without_a_wanted_contrast_is_explained(tmp_path):
    with pytest.raises(DataLayoutError, match=r"none of 1 .* one name is 'sub-1_bold\.nii'"):
        find(source(tmp_path, "sub-1_bold.nii"))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"subject_pattern": "sub-("}, "subject_pattern=sub-(: not a regular expression"),
        ({"contrast_patterns": {"T1": "["}}, "contrast_patterns.T1=[: not a regular expression"),
        ({"contrasts": ["T3"]}, "contrasts=T3: use one of"),
        ({"contrasts": []}, "name at least one"),
        ({"plane": "axail"}, "Did you mean 'axial'?"),
        ({"orientation": "RAA"}, "three letters such as RAS"),
    ],
)
def test_a_wrong_option_is_one_clear_line(tmp_path, options, text):
    with pytest.raises(ConfigErrors) as caught:
        source(tmp_path, **options)
    assert text in caught.value.problems[0]
