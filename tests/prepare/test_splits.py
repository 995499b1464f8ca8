"""Splits: each subject is in one and stays there; equal subjects give equal bytes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kits.prepare import SALT, SHARES

from flmrcm.errors import ConfigErrors, DataLayoutError
from flmrcm.prepare.pseudonyms import hash_subject
from flmrcm.prepare.splits import (
    SplitByList,
    SplitByShare,
    format_splits,
    parse_splits,
    read_subject_list,
    refuse_crossing,
)

NAMES = st.sets(st.integers(0, 99), min_size=1, max_size=12).map(
    lambda numbers: [f"subject {number}" for number in numbers]
)


def hash_all(subjects):
    """Return patient id → subject."""
    return {hash_subject(subject, SALT): subject for subject in subjects}


def many(n):
    return hash_all(f"subject {i}" for i in range(n))


@settings(deadline=None)
@given(NAMES, NAMES)
def test_subjects_added_later_change_no_other_split(first, later):
    before = SplitByShare(SHARES).assign(hash_all(first), {})
    after = SplitByShare(SHARES).assign(hash_all({*first, *later}), before)
    assert before.items() <= after.items()
    assert after.keys() == hash_all({*first, *later}).keys()


@settings(deadline=None)
@given(NAMES)
def test_the_order_in_which_subjects_are_found_does_not_matter(names):
    assert format_splits(SplitByShare(SHARES).assign(hash_all(names), {})) == format_splits(
        SplitByShare(SHARES).assign(hash_all(reversed(names)), {})
    )


@settings(deadline=None)
@given(NAMES)
def test_a_few_subjects_are_in_as_many_splits_as_possible(names):
    splits = set(SplitByShare(SHARES).assign(hash_all(names), {}).values())
    assert len(splits) >= min(len(names), 3)


def test_in_a_large_set_subjects_are_assigned_independently():
    splits = SplitByShare(SHARES).assign(many(2000), {})
    shares = {split: list(splits.values()).count(split) / 2000 for split in SHARES}
    assert shares == pytest.approx(SHARES, abs=0.02)
    half = dict(list(many(2000).items())[:1000])
    assert SplitByShare(SHARES).assign(half, {}).items() <= splits.items()


def test_another_seed_gives_other_splits():
    assert SplitByShare(SHARES, 1).assign(many(50), {}) != SplitByShare(SHARES, 2).assign(
        many(50), {}
    )


def test_a_split_without_a_share_stays_empty():
    shares = {"train": 0.5, "val": 0.5, "test": 0}
    assert set(SplitByShare(shares).assign(many(40), {}).values()) == {"train", "val"}


@pytest.mark.parametrize("shares", [{"train": 0.5, "val": 0.6}, {"train": 1.5, "val": -0.5}])
def test_impossible_shares_are_refused(shares):
    with pytest.raises(ConfigErrors, match="add up to 1"):
        SplitByShare(shares)


def test_subjects_in_no_list_have_no_split():
    rule = SplitByList({"train": ["a", "b"], "val": ["c"], "test": []})
    assert rule.assign(hash_all("abcd"), {}) == {
        hash_subject("a", SALT): "train",
        hash_subject("b", SALT): "train",
        hash_subject("c", SALT): "val",
    }


def test_a_subject_in_two_lists_is_refused():
    with pytest.raises(ConfigErrors, match="'b' is in train and in test"):
        SplitByList({"train": ["a", "b"], "val": [], "test": ["b"]})


def test_lists_that_contradict_an_earlier_call_are_refused():
    recorded = {hash_subject("a", SALT): "test"}
    with pytest.raises(DataLayoutError, match="'a' is in test in the output folder, but in train"):
        SplitByList({"train": ["a"]}).assign(hash_all("a"), recorded)


def test_a_list_can_be_a_file_with_one_subject_per_line(tmp_path):
    (tmp_path / "train.txt").write_text("a\n\n  b \n")
    assert read_subject_list(tmp_path / "train.txt") == ["a", "b"]
    with pytest.raises(ConfigErrors, match=r"nowhere\.txt can't be read"):
        read_subject_list(tmp_path / "nowhere.txt")


def test_what_is_written_is_read_back(tmp_path):
    splits = SplitByShare(SHARES).assign(many(9), {})
    assert parse_splits(format_splits(splits), tmp_path) == splits


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "first line must be"),
        ("patient_id,split\nabc,trian\n", "names none of train, val, test"),
        ("patient_id,split\nabc,train\nabc,test\n", "abc is in test and in train"),
    ],
)
def test_a_damaged_file_of_splits_is_refused(tmp_path, text, problem):
    with pytest.raises(DataLayoutError, match=problem):
        parse_splits(text, tmp_path / "splits.csv")


def test_volumes_of_one_subject_in_two_splits_are_refused(tmp_path):
    refuse_crossing(tmp_path, [("a", "train"), ("a", "train"), ("b", "test")])
    with pytest.raises(DataLayoutError, match="a is in test and in train"):
        refuse_crossing(tmp_path, [("a", "train"), ("a", "test")])
