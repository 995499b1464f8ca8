"""The output folder: who may write into it, and which volumes are finished."""

import pytest

from flmrcm.errors import DataLayoutError
from flmrcm.prepare.output_folder import OutputFolder

SPLITS = {"0a": "train", "0b": "test"}


@pytest.fixture
def folder(tmp_path):
    output = OutputFolder(tmp_path / "out")
    with output.lock({"size": 8}):
        pass
    return output


def volume(folder, split="train", patient="0a", text="12345"):
    path = folder.path / "T1" / split / f"sub-{patient}_T1.h5"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def row(folder, path, size=5):
    return {"volume": path.relative_to(folder.path).as_posix(), "bytes": size}


def test_reading_creates_nothing(tmp_path):
    folder = OutputFolder(tmp_path / "out")
    folder.check({})
    folder.choose_salt()
    assert folder.read_splits() == folder.read_journal() == {}
    assert not folder.path.exists()


def test_a_volume_is_finished_if_file_and_journal_agree(folder):
    path = volume(folder)
    assert folder.read_journal() == {}
    folder.add_row(row(folder, path))
    assert list(folder.read_journal()) == ["T1/train/sub-0a_T1.h5"]
    path.write_text("123")
    assert folder.read_journal() == {}
    path.unlink()
    assert folder.read_journal() == {}


def test_half_a_line_in_the_journal_leaves_the_others_readable(folder):
    one, other = volume(folder), volume(folder, "test", "0b")
    folder.add_row(row(folder, one))
    journal = folder.path / ".prepare" / "volumes.jsonl"
    with journal.open("a") as file:
        file.write('\n{"volume": "T1/te')
    folder.add_row(row(folder, other))
    assert len(folder.read_journal()) == 2


def test_half_written_files_are_deleted(folder):
    half = folder.path / "T1" / ".sub-0a_T1.h5.123"
    half.parent.mkdir()
    half.touch()
    with folder.lock({"size": 8}):
        assert not half.exists()


def test_a_second_writer_is_refused(folder):
    second = OutputFolder(folder.path).lock({"size": 8})
    with folder.lock({"size": 8}), pytest.raises(DataLayoutError, match="another process"):
        second.__enter__()


def test_other_arguments_are_refused_and_named(folder):
    with pytest.raises(DataLayoutError, match="size was 8, now 9"), folder.lock({"size": 9}):
        pass


def test_a_key_that_came_later_counts_where_it_is_switched_on(tmp_path):
    folder = OutputFolder(tmp_path / "out")
    with folder.lock({"pixel_mm": 1}):
        pass
    folder.check({"pixel_mm": 1, "center": False, "phase_encoding": None})
    for later in ({"center": True}, {"phase_encoding": "rows"}):
        with pytest.raises(DataLayoutError, match=f"{next(iter(later))} was None, now"):
            folder.check({"pixel_mm": 1} | later)


def test_the_order_of_patterns_counts(tmp_path):
    folder, patterns = OutputFolder(tmp_path), {"T1": "t1", "T1c": "t1.*gd"}
    with folder.lock({"patterns": patterns}):
        folder.check({"patterns": patterns})
        with pytest.raises(DataLayoutError, match="patterns was"):
            folder.check({"patterns": dict(reversed(patterns.items()))})


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(DataLayoutError, match="isn't empty"):
        OutputFolder(tmp_path).check({})
    with pytest.raises(DataLayoutError, match="is a file"):
        OutputFolder(tmp_path / "holiday.jpg").check({})


def test_the_salt_is_kept_and_only_for_the_owner(folder):
    salt = folder.choose_salt()
    folder.write_splits(salt, SPLITS)
    assert folder.choose_salt() == folder.choose_salt(salt) == salt
    assert (folder.path / ".prepare").stat().st_mode & 0o077 == 0
    with pytest.raises(DataLayoutError, match="another salt"):
        folder.choose_salt("something else")


def test_recorded_splits_are_read_back(folder):
    folder.write_splits("salt", SPLITS)
    assert folder.read_splits() == SPLITS


def test_a_file_that_was_moved_to_another_split_is_noticed(folder):
    folder.write_splits("salt", SPLITS)
    volume(folder, "test", "0a")
    with pytest.raises(DataLayoutError, match="0a is in test and in train"):
        folder.read_splits()
