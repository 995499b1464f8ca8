"""Laws of what `input` stands for."""

import pytest

from flmrcm.errors import DataLayoutError
from flmrcm.prepare.input_files import list_files

ENDINGS = (".nii", ".nii.gz")


@pytest.fixture
def tree(tmp_path):
    for name in ("b/x_T1w.nii.gz", "a/y_T1w.nii", "a/Z_T2w.NII.GZ", "a/notes.txt", "a/._y.nii"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def names(tree, given):
    root, files = list_files(str(given), ENDINGS)
    return root.relative_to(tree).as_posix(), [f.relative_to(tree).as_posix() for f in files]


def test_a_folder_stands_for_all_its_files_sorted(tree):
    assert names(tree, tree) == (".", ["a/Z_T2w.NII.GZ", "a/y_T1w.nii", "b/x_T1w.nii.gz"])


def test_a_pattern_stands_for_what_it_matches(tree):
    assert names(tree, tree / "**/*_T1w.nii.gz") == (".", ["b/x_T1w.nii.gz"])
    assert names(tree, tree / "a/*") == ("a", ["a/Z_T2w.NII.GZ", "a/y_T1w.nii"])


def test_one_file_stands_for_itself(tree):
    assert names(tree, tree / "a/y_T1w.nii") == ("a", ["a/y_T1w.nii"])


def test_linked_folders_are_entered(tree):
    (tree / "c").symlink_to(tree / "b")
    assert "c/x_T1w.nii.gz" in names(tree, tree)[1]


def test_brackets_in_a_folder_given_whole_are_no_pattern(tree):
    (tree / "e").mkdir()
    (tree / "e" / "q.nii").touch()
    assert names(tree, tree / "e")[1] == ["e/q.nii"]


@pytest.mark.parametrize(
    ("given", "said"),
    [("nowhere", "isn't there"), ("a/*.dcm", r"matches no \.nii"), ("d", r"holds no \.nii")],
)
def test_what_stands_for_nothing_is_one_line(tree, given, said):
    (tree / "d").mkdir()
    with pytest.raises(DataLayoutError, match=said):
        list_files(str(tree / given), ENDINGS)
