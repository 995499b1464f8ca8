"""Site, contrast and split of a file don't depend on which folder above it is given."""

from pathlib import Path

import pytest

from flmrcm.errors import DataLayoutError
from flmrcm.inspection.volume_places import find_volume_places


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def list_places(folder: Path) -> list[tuple[str, str, str]]:
    return [(place.site, place.contrast, place.split) for place in find_volume_places(folder)]


def test_contrasts_and_splits_of_a_site_have_the_name_of_its_folder(tmp_path: Path) -> None:
    site = tmp_path / "mine"
    touch(site / "T1" / "train" / "a.h5", site / "T2" / "val" / "a.h5")
    assert list_places(site) == [("mine", "T1", "train"), ("mine", "T2", "val")]


@pytest.mark.parametrize("part", ["T1", "T1/train"])
def test_a_part_of_a_site_has_the_same_names(tmp_path: Path, part: str) -> None:
    touch(tmp_path / "mine" / "T1" / "train" / "a.h5")
    assert list_places(tmp_path / "mine" / part) == [("mine", "T1", "train")]


def test_several_sites_are_named_like_their_folders(tmp_path: Path) -> None:
    touch(tmp_path / "one" / "T1" / "test" / "a.h5", tmp_path / "two/sub" / "T1" / "test" / "a.h5")
    assert list_places(tmp_path) == [("one", "T1", "test"), ("two/sub", "T1", "test")]


def test_a_flat_folder_is_a_site_without_contrast_and_split(tmp_path: Path) -> None:
    touch(tmp_path / "multicoil_train" / "file_brain_1.h5")
    assert list_places(tmp_path / "multicoil_train") == [("multicoil_train", "", "")]


def test_hidden_and_other_files_are_left_out(tmp_path: Path) -> None:
    names = ("a.h5", ".b.h5", ".cache/c.h5", ".d.h5.123", "sheet.png")
    touch(*(tmp_path / name for name in names))
    assert [place.path.name for place in find_volume_places(tmp_path)] == ["a.h5"]


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    touch(tmp_path / "large_disk" / "T1" / "train" / "a.h5")
    data = tmp_path / "data"
    data.mkdir()
    (data / "mine").symlink_to(tmp_path / "large_disk")
    (data / "round").symlink_to(data)
    assert list_places(data) == [("mine", "T1", "train")]
    assert list_places(data / "mine") == [("mine", "T1", "train")]


def test_a_label_holds_site_contrast_split_and_file_name(tmp_path: Path) -> None:
    touch(tmp_path / "mine" / "T1" / "train" / "a.h5")
    (place,) = find_volume_places(tmp_path / "mine")
    assert (place.label, place.group) == ("mine/T1/train/a.h5", "mine T1")


def test_a_missing_folder_and_one_without_volumes_give_one_clear_line(tmp_path: Path) -> None:
    touch(tmp_path / "file")
    cases = {"nowhere": "doesn't exist", "file": "is a file", ".": "holds no .h5 files"}
    for name, text in cases.items():
        with pytest.raises(DataLayoutError, match=text) as caught:
            find_volume_places(tmp_path / name)
        assert "\n" not in str(caught.value)
