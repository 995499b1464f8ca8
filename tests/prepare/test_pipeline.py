"""A whole preparation: subjects stay in one split, nothing is done twice, bytes are the same."""

import json
from collections import Counter
from pathlib import Path

import pytest
from kits.prepare import Heads, contents, make_preparation, prepare

from flmrcm.errors import DataLayoutError
from flmrcm.prepare.manifest import build_manifest
from flmrcm.prepare.pipeline import anonymise_outcomes
from flmrcm.prepare.scan import FoundVolume
from flmrcm.prepare.splits import SplitByList

PEOPLE = [f"person {i}" for i in range(9)]


def list_splits(folder):
    """Return patient → the splits that hold its files."""
    splits: dict[str, set[str]] = {}
    for path in folder.rglob("*.h5"):
        splits.setdefault(path.name.split("_")[0], set()).add(path.parent.name)
    return splits


def test_all_contrasts_of_a_subject_are_in_one_split(tmp_path):
    prepare(make_preparation(tmp_path, Heads(PEOPLE, contrasts=("T1", "T2"))))
    splits = list_splits(tmp_path)
    assert len(splits) == 9
    assert all(len(one) == 1 for one in splits.values())
    assert len(list(tmp_path.rglob("*.h5"))) == 18
    assert {split for one in splits.values() for split in one} == {"train", "val", "test"}


def test_the_same_command_again_changes_no_file(tmp_path):
    prepare(make_preparation(tmp_path, Heads(PEOPLE)))
    before = contents(tmp_path)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.h5")}
    assert prepare(make_preparation(tmp_path, Heads(PEOPLE))) == []
    assert contents(tmp_path) == before
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.h5")} == times


def test_two_folders_with_the_same_salt_are_equal_byte_for_byte(tmp_path):
    prepare(make_preparation(tmp_path / "a", Heads(PEOPLE[:3])))
    prepare(make_preparation(tmp_path / "b", Heads(PEOPLE[:3])), processes=2)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_an_interrupted_preparation_ends_like_any_other(tmp_path):
    prepare(make_preparation(tmp_path / "whole", Heads(PEOPLE)))
    interrupted = make_preparation(tmp_path / "cut", Heads(PEOPLE))
    with interrupted.folder.lock({}):
        outcomes = interrupted.run(interrupted.plan())
        for _ in range(3):
            next(outcomes)
        outcomes.close()
    assert len(list((tmp_path / "cut").rglob("*.h5"))) == 3
    assert len(prepare(make_preparation(tmp_path / "cut", Heads(PEOPLE)))) == 6
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")


def test_subjects_added_later_change_no_other_split(tmp_path):
    prepare(make_preparation(tmp_path, Heads(PEOPLE[:4])))
    before = list_splits(tmp_path)
    assert len(prepare(make_preparation(tmp_path, Heads(PEOPLE)))) == 5
    assert before.items() <= list_splits(tmp_path).items()


def test_a_broken_volume_is_skipped_and_prepared_once_it_is_repaired(tmp_path):
    outcomes = prepare(make_preparation(tmp_path, Heads(PEOPLE, broken=PEOPLE[:2])))
    skipped = [outcome for outcome in outcomes if outcome.problem]
    assert len(skipped) == 2
    assert "is truncated" in skipped[0].problem
    again = prepare(make_preparation(tmp_path, Heads(PEOPLE)))
    assert [outcome.problem for outcome in again] == ["", ""]


def test_the_plan_reports_files_that_can_not_be_used(tmp_path):
    plan = make_preparation(tmp_path, Heads(PEOPLE, unusable=["/x.nii: names no subject"])).plan()
    assert plan.skipped == ["/x.nii: names no subject"]
    with pytest.raises(DataLayoutError, match=r"nothing to prepare.*names no subject"):
        make_preparation(tmp_path, Heads([], unusable=["/x.nii: names no subject"])).plan()


def test_two_files_of_one_subject_and_contrast_do_not_overwrite_each_other(tmp_path):
    class Duplicates(Heads):
        def find(self):
            for name in ("a.nii", "b.nii"):
                yield FoundVolume("x", "T1", (Path(name),))

    plan = make_preparation(tmp_path, Duplicates([])).plan()
    assert len(plan.tasks) == 1
    assert "b.nii: has the same subject and contrast as a.nii" in plan.skipped[0]


def test_a_name_that_would_leave_the_folder_is_refused(tmp_path):
    class Outside(Heads):
        def find(self):
            yield FoundVolume("x", "T1", (Path("a.nii"),))
            yield FoundVolume("y", "../T1", (Path("b.nii"),))
            yield FoundVolume("z", "T1", (Path("c.nii"),), site="/etc")

    plan = make_preparation(tmp_path, Outside([])).plan()
    assert len(plan.tasks) == 1
    assert len(plan.skipped) == 2


def test_sub_sites_are_folders_of_their_own(tmp_path):
    class Hospitals(Heads):
        def find(self):
            for subject, site in (("x", "Guys"), ("y", "HH")):
                yield FoundVolume(subject, "T1", (Path(f"{subject}.nii"),), site=site)

    prepare(make_preparation(tmp_path, Hospitals([])))
    assert {path.parts[0] for path in map(Path, contents(tmp_path)) if path.suffix == ".h5"} == {
        "Guys", "HH",
    }  # fmt: skip


def test_a_few_subjects_are_in_every_split_with_all_their_contrasts(tmp_path):
    source = Heads([f"person {i}" for i in range(60)], contrasts=("T1", "T2"))
    few = make_preparation(tmp_path, source, limit=5).plan()
    assert Counter(task.split for task in few.tasks) == {"train": 4, "val": 4, "test": 2}
    assert few.splits == make_preparation(tmp_path, source).plan().splits


def test_subjects_in_no_list_are_left_out(tmp_path):
    rule = SplitByList({"train": PEOPLE[:2], "val": PEOPLE[2:3], "test": []})
    plan = make_preparation(tmp_path, Heads(PEOPLE), split_rule=rule).plan()
    assert (len(plan.tasks), plan.unlisted) == (3, 6)
    others = SplitByList({"train": ["somebody else"]})
    with pytest.raises(DataLayoutError, match="no subject of the input is in the lists"):
        make_preparation(tmp_path, Heads(PEOPLE), split_rule=others).plan()


def test_the_manifest_counts_and_holds_no_names(tmp_path):
    one = make_preparation(tmp_path, Heads(PEOPLE, broken=PEOPLE[:1]))
    skipped = [outcome for outcome in prepare(one) if outcome.problem]
    rows, splits = one.folder.read_journal().values(), one.plan().splits
    content = build_manifest({"size": 16}, rows, splits, anonymise_outcomes(skipped), 2)
    assert sum(content["subjects"].values()) == 9
    assert len(content["volumes"]) == 8
    assert content["slices"]["kept"] == sum(row["slices"] for row in content["volumes"])
    assert content["skipped"][0]["reason"] == "is truncated"
    assert content["unused_files"] == 2
    assert "person" not in json.dumps(content)
