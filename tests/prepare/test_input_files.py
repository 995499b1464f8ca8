"""The files of an `input`."""

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


def names(tree, path):
    root, files = list_files(str(path), ENDINGS)
    return root.relative_to(tree).as_posix(), [f.relative_to(tree).as_posix() for f in files]


def test_a_folder_gives_all_its_files_sorted(tree):
    assert names(tree, tree) == (".", ["a/Z_T2w.NII.GZ", "a/y_T1w.nii", "b/x_T1w.nii.gz"])


def test_a_pattern_gives_the_files_that_match(tree):
    assert names(tree, tree / "**/*_T1w.nii.gz") == (".", ["b/x_T1w.nii.gz"])
    assert names(tree, tree / "a/*") == ("a", ["a/Z_T2w.NII.GZ", "a/y_T1w.nii"])


def test_a_file_gives_itself(tree):
    assert names(tree, tree / "a/y_T1w.nii") == ("a", ["a/y_T1w.nii"])


def test_linked_folders_are_entered(tree):
    (tree / "c").symlink_to(tree / "b")
    assert "c/x_T1w.nii.gz" in names(tree, tree)[1]


def test_brackets_in_the_name_of_a_folder_are_no_pattern(tree):
    (tree / "e[1]").mkdir()
    (tree / "e[1]" / "q.nii").touch()
    assert names(tree, tree / "e[1]") == ("e[1]", ["e[1]/q.nii"])
    assert names(tree, tree / "e[1]" / "q.nii") == ("e[1]", ["e[1]/q.nii"])


@pytest.mark.parametrize(
    ("path", "text"),
    [("nowhere", "doesn't exist"), ("a/*.dcm", r"matches no \.nii"), ("d", r"holds no \.nii")],
)
def test_an_input_without_files_is_one_clear_line(tree, path, text):
    (tree / "d").mkdir()
    with pytest.raises(DataLayoutError, match=text):
        list_files(str(tree / path), ENDINGS)
