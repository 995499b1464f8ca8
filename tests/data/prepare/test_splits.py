"""Laws of splits: nobody crosses, nobody moves, the same subjects give the same bytes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prepare_kit import SALT, SHARES

from flmrcm.data.prepare.identity import patient_id
from flmrcm.data.prepare.splits import (
    ByList,
    ByShare,
    as_csv,
    from_csv,
    read_list,
    refuse_crossing,
)
from flmrcm.errors import ConfigErrors, DataLayoutError

NAMES = st.sets(st.integers(0, 99), min_size=1, max_size=12).map(
    lambda numbers: [f"subject {number}" for number in numbers]
)


def named(subjects):
    return {patient_id(subject, SALT): subject for subject in subjects}


def many(n):
    return named(f"subject {i}" for i in range(n))


@settings(deadline=None)
@given(NAMES, NAMES)
def test_subjects_who_come_later_move_nobody(first, later):
    before = ByShare(SHARES).assign(named(first), {})
    after = ByShare(SHARES).assign(named({*first, *later}), before)
    assert before.items() <= after.items()
    assert after.keys() == named({*first, *later}).keys()


@settings(deadline=None)
@given(NAMES)
def test_the_order_in_which_subjects_are_found_does_not_matter(names):
    assert as_csv(ByShare(SHARES).assign(named(names), {})) == as_csv(
        ByShare(SHARES).assign(named(reversed(names)), {})
    )


@settings(deadline=None)
@given(NAMES)
def test_a_few_subjects_reach_as_many_splits_as_they_can(names):
    splits = set(ByShare(SHARES).assign(named(names), {}).values())
    assert len(splits) >= min(len(names), 3)


def test_in_a_large_set_each_draw_stands_for_itself():
    everyone = ByShare(SHARES).assign(many(2000), {})
    counts = {split: list(everyone.values()).count(split) / 2000 for split in SHARES}
    assert counts == pytest.approx(SHARES, abs=0.02)
    half = dict(list(many(2000).items())[:1000])
    assert ByShare(SHARES).assign(half, {}).items() <= everyone.items()


def test_another_seed_is_another_split():
    assert ByShare(SHARES, 1).assign(many(50), {}) != ByShare(SHARES, 2).assign(many(50), {})


def test_a_split_without_a_share_stays_empty():
    shares = {"train": 0.5, "val": 0.5, "test": 0}
    assert set(ByShare(shares).assign(many(40), {}).values()) == {"train", "val"}


@pytest.mark.parametrize("shares", [{"train": 0.5, "val": 0.6}, {"train": 1.5, "val": -0.5}])
def test_shares_that_are_no_shares_are_refused(shares):
    with pytest.raises(ConfigErrors, match="add up to 1"):
        ByShare(shares)


def test_lists_are_followed_and_who_is_in_none_is_left_out():
    division = ByList({"train": ["a", "b"], "val": ["c"], "test": []})
    split = division.assign(named("abcd"), {})
    assert split == {
        patient_id("a", SALT): "train",
        patient_id("b", SALT): "train",
        patient_id("c", SALT): "val",
    }


def test_a_subject_in_two_lists_is_refused_by_name():
    with pytest.raises(ConfigErrors, match="'b' is in train and in test"):
        ByList({"train": ["a", "b"], "val": [], "test": ["b"]})


def test_lists_that_contradict_what_was_prepared_are_refused():
    recorded = {patient_id("a", SALT): "test"}
    with pytest.raises(DataLayoutError, match="'a' was put into test before"):
        ByList({"train": ["a"]}).assign(named("a"), recorded)


def test_a_list_may_be_a_file_with_one_subject_a_line(tmp_path):
    (tmp_path / "train.txt").write_text("a\n\n  b \n")
    assert read_list(tmp_path / "train.txt") == ["a", "b"]
    with pytest.raises(ConfigErrors, match=r"nowhere\.txt can't be read"):
        read_list(tmp_path / "nowhere.txt")


def test_what_is_written_is_read_back(tmp_path):
    splits = ByShare(SHARES).assign(many(9), {})
    assert from_csv(as_csv(splits), tmp_path) == splits


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "first line must be"),
        ("patient_id,split\nabc,trian\n", "names none of train, val, test"),
        ("patient_id,split\nabc,train\nabc,test\n", "abc is in test and in train"),
    ],
)
def test_a_damaged_file_of_splits_is_refused(tmp_path, text, said):
    with pytest.raises(DataLayoutError, match=said):
        from_csv(text, tmp_path / "splits.csv")


def test_volumes_of_one_subject_in_two_splits_are_refused(tmp_path):
    refuse_crossing(tmp_path, [("a", "train"), ("a", "train"), ("b", "test")])
    with pytest.raises(DataLayoutError, match="a is in test and in train"):
        refuse_crossing(tmp_path, [("a", "train"), ("a", "test")])
