"""Whatever folder of a data set is given, its files are the same site, contrast and split."""

from pathlib import Path

import pytest

from flmrcm.errors import DataLayoutError
from flmrcm.inspection.volume_places import find_volume_places


def touched(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def found(folder: Path) -> list[tuple[str, str, str]]:
    return [(place.site, place.contrast, place.split) for place in find_volume_places(folder)]


def test_a_site_gives_contrasts_and_splits_by_its_own_name(tmp_path: Path) -> None:
    site = tmp_path / "mine"
    touched(site / "T1" / "train" / "a.h5", site / "T2" / "val" / "a.h5")
    assert found(site) == [("mine", "T1", "train"), ("mine", "T2", "val")]


@pytest.mark.parametrize("part", ["T1", "T1/train"])
def test_a_part_of_a_site_keeps_the_sites_names(tmp_path: Path, part: str) -> None:
    touched(tmp_path / "mine" / "T1" / "train" / "a.h5")
    assert found(tmp_path / "mine" / part) == [("mine", "T1", "train")]


def test_several_sites_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    touched(
        tmp_path / "one" / "T1" / "test" / "a.h5", tmp_path / "two/sub" / "T1" / "test" / "a.h5"
    )
    assert found(tmp_path) == [("one", "T1", "test"), ("two/sub", "T1", "test")]


def test_a_flat_folder_is_a_site_without_contrast_and_split(tmp_path: Path) -> None:
    touched(tmp_path / "multicoil_train" / "file_brain_1.h5")
    assert found(tmp_path / "multicoil_train") == [("multicoil_train", "", "")]


def test_hidden_and_other_files_are_left_out(tmp_path: Path) -> None:
    names = ("a.h5", ".b.h5", ".cache/c.h5", ".d.h5.123", "sheet.png")
    touched(*(tmp_path / name for name in names))
    assert [place.path.name for place in find_volume_places(tmp_path)] == ["a.h5"]


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    touched(tmp_path / "large_disk" / "T1" / "train" / "a.h5")
    data = tmp_path / "data"
    data.mkdir()
    (data / "mine").symlink_to(tmp_path / "large_disk")
    (data / "round").symlink_to(data)
    assert found(data) == [("mine", "T1", "train")]
    assert found(data / "mine") == [("mine", "T1", "train")]


def test_a_label_names_the_file_whole(tmp_path: Path) -> None:
    touched(tmp_path / "mine" / "T1" / "train" / "a.h5")
    (place,) = find_volume_places(tmp_path / "mine")
    assert (place.label, place.group) == ("mine/T1/train/a.h5", "mine T1")


def test_a_folder_that_is_none_and_one_without_volumes_are_one_clear_line(tmp_path: Path) -> None:
    touched(tmp_path / "file")
    cases = {"nowhere": "isn't there", "file": "is a file", ".": "holds no .h5 files"}
    for name, text in cases.items():
        with pytest.raises(DataLayoutError, match=text) as caught:
            find_volume_places(tmp_path / name)
        assert "\n" not in str(caught.value)
