"""Laws of a whole preparation: nobody crosses, nothing is done twice, the same bytes again."""

import json
from collections import Counter
from pathlib import Path

import pytest
from kits.prepare import Heads, contents, preparation, prepare

from flmrcm.errors import DataLayoutError
from flmrcm.prepare.manifest import build_manifest
from flmrcm.prepare.pipeline import anonymise_outcomes
from flmrcm.prepare.scan import FoundVolume
from flmrcm.prepare.splits import SplitByList

PEOPLE = [f"person {i}" for i in range(9)]


def splits_of(folder):
    """Which splits each patient's files lie in."""
    found: dict[str, set[str]] = {}
    for path in folder.rglob("*.h5"):
        found.setdefault(path.name.split("_")[0], set()).add(path.parent.name)
    return found


def test_no_subject_crosses_and_its_contrasts_stay_together(tmp_path):
    prepare(preparation(tmp_path, Heads(PEOPLE, contrasts=("T1", "T2"))))
    found = splits_of(tmp_path)
    assert len(found) == 9
    assert all(len(splits) == 1 for splits in found.values())
    assert len(list(tmp_path.rglob("*.h5"))) == 18
    assert {split for splits in found.values() for split in splits} == {"train", "val", "test"}


def test_the_same_command_again_does_nothing_and_changes_no_byte(tmp_path):
    prepare(preparation(tmp_path, Heads(PEOPLE)))
    before = contents(tmp_path)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.h5")}
    assert prepare(preparation(tmp_path, Heads(PEOPLE))) == []
    assert contents(tmp_path) == before
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.h5")} == times


def test_two_folders_with_one_salt_are_equal_byte_for_byte(tmp_path):
    prepare(preparation(tmp_path / "a", Heads(PEOPLE[:3])))
    prepare(preparation(tmp_path / "b", Heads(PEOPLE[:3])), processes=2)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_a_preparation_that_was_interrupted_ends_like_one_that_was_not(tmp_path):
    prepare(preparation(tmp_path / "whole", Heads(PEOPLE)))
    made = preparation(tmp_path / "cut", Heads(PEOPLE))
    with made.folder.lock({}):
        running = made.run(made.plan())
        for _ in range(3):
            next(running)
        running.close()
    assert len(list((tmp_path / "cut").rglob("*.h5"))) == 3
    assert len(prepare(preparation(tmp_path / "cut", Heads(PEOPLE)))) == 6
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")


def test_subjects_added_later_move_nobody(tmp_path):
    prepare(preparation(tmp_path, Heads(PEOPLE[:4])))
    before = splits_of(tmp_path)
    assert len(prepare(preparation(tmp_path, Heads(PEOPLE)))) == 5
    assert before.items() <= splits_of(tmp_path).items()


def test_a_broken_volume_is_skipped_and_done_once_it_is_whole(tmp_path):
    outcomes = prepare(preparation(tmp_path, Heads(PEOPLE, broken=PEOPLE[:2])))
    skipped = [outcome for outcome in outcomes if outcome.problem]
    assert len(skipped) == 2
    assert "is truncated" in skipped[0].problem
    again = prepare(preparation(tmp_path, Heads(PEOPLE)))
    assert [outcome.problem for outcome in again] == ["", ""]


def test_files_that_are_no_volume_are_told_with_the_plan(tmp_path):
    plan = preparation(tmp_path, Heads(PEOPLE, unusable=["/x.nii: names no subject"])).plan()
    assert plan.skipped == ["/x.nii: names no subject"]
    with pytest.raises(DataLayoutError, match=r"nothing to prepare.*names no subject"):
        preparation(tmp_path, Heads([], unusable=["/x.nii: names no subject"])).plan()


def test_two_files_of_one_subject_and_contrast_do_not_overwrite_each_other(tmp_path):
    class Twice(Heads):
        def find(self):
            for name in ("a.nii", "b.nii"):
                yield FoundVolume("x", "T1", (Path(name),))

    plan = preparation(tmp_path, Twice([])).plan()
    assert len(plan.tasks) == 1
    assert "b.nii: is of the same subject and contrast as a.nii" in plan.skipped[0]


def test_a_name_that_would_leave_the_folder_is_refused(tmp_path):
    class Climbing(Heads):
        def find(self):
            yield FoundVolume("x", "T1", (Path("a.nii"),))
            yield FoundVolume("y", "../T1", (Path("b.nii"),))
            yield FoundVolume("z", "T1", (Path("c.nii"),), site="/etc")

    plan = preparation(tmp_path, Climbing([])).plan()
    assert len(plan.tasks) == 1
    assert len(plan.skipped) == 2


def test_sub_sites_are_folders_of_their_own(tmp_path):
    class Hospitals(Heads):
        def find(self):
            for subject, site in (("x", "Guys"), ("y", "HH")):
                yield FoundVolume(subject, "T1", (Path(f"{subject}.nii"),), site=site)

    prepare(preparation(tmp_path, Hospitals([])))
    assert {path.parts[0] for path in map(Path, contents(tmp_path)) if path.suffix == ".h5"} == {
        "Guys", "HH",
    }  # fmt: skip


def test_a_few_subjects_reach_every_split_with_all_their_contrasts(tmp_path):
    everyone = Heads([f"person {i}" for i in range(60)], contrasts=("T1", "T2"))
    few = preparation(tmp_path, everyone, limit=5).plan()
    assert Counter(task.split for task in few.tasks) == {"train": 4, "val": 4, "test": 2}
    assert few.splits == preparation(tmp_path, everyone).plan().splits


def test_given_lists_leave_out_who_is_in_none(tmp_path):
    division = SplitByList({"train": PEOPLE[:2], "val": PEOPLE[2:3], "test": []})
    plan = preparation(tmp_path, Heads(PEOPLE), division=division).plan()
    assert (len(plan.tasks), plan.unlisted) == (3, 6)
    nobody = SplitByList({"train": ["somebody else"]})
    with pytest.raises(DataLayoutError, match="none of the subjects found"):
        preparation(tmp_path, Heads(PEOPLE), division=nobody).plan()


def test_the_manifest_counts_and_names_nobody(tmp_path):
    made = preparation(tmp_path, Heads(PEOPLE, broken=PEOPLE[:1]))
    skipped = [outcome for outcome in prepare(made) if outcome.problem]
    content = build_manifest({"size": 16}, made.folder.done().values(), made.plan().splits,
                       anonymise_outcomes(skipped), 2)  # fmt: skip
    assert sum(content["subjects"].values()) == 9
    assert len(content["volumes"]) == 8
    assert content["slices"]["kept"] == sum(row["slices"] for row in content["volumes"])
    assert content["skipped"][0]["reason"] == "is truncated"
    assert content["unused_files"] == 2
    assert "person" not in json.dumps(content)
