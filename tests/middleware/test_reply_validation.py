"""Which replies may count."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from kits.faulty_engine import misshapen, torn

from flmrcm.errors import ConfigErrors
from flmrcm.middleware.reply_validation import ReplyValidation, find_outliers, validate_reply
from flmrcm.types import Broadcast, Reply

WEIGHTS = {"a": torch.ones(2, 3), "b": torch.tensor(4)}  # b is a counter
SENT = Broadcast(0, WEIGHTS)
GOOD = Reply("north", 5, WEIGHTS)


def test_a_reply_of_the_right_form_counts():
    assert validate_reply("train", SENT, GOOD, largest=1.0) is None
    assert validate_reply("validate", SENT, Reply("north", 5, metrics={"psnr": 30.0})) is None


@pytest.mark.parametrize(
    ("reply", "line"),
    [
        (replace(GOOD, weights=WEIGHTS | {"a": torch.full((2, 3), torch.nan)}), "a isn't finite"),
        (torn(GOOD), "its weights aren't those sent: a is missing"),
        (replace(GOOD, weights=WEIGHTS | {"c": torch.ones(1)}), "c is new"),
        (misshapen(GOOD), "a is (1,) float32, (2, 3) float32 was sent"),
        (replace(GOOD, weights=WEIGHTS | {"a": torch.ones(2, 3).half()}), "(2, 3) float16"),
        (replace(GOOD, n_examples=0), "0 training slices"),
        (replace(GOOD, n_examples=-7), "-7 training slices"),
        (replace(GOOD, extras={"x": {"y": torch.tensor(torch.inf)}}), "x/y isn't finite"),
        (replace(GOOD, extras={"x": {"y": torch.ones(2**18)}}), "holds 1.0 MiB, 0.5 are allowed"),
    ],
)  # fmt: skip
def test_a_problem_is_named(reply, line):
    assert line in validate_reply("train", SENT, reply, largest=0.5)


def moved(site, by):
    return Reply(site, 1, {"a": WEIGHTS["a"] + by / 6**0.5, "b": WEIGHTS["b"]})


def test_an_update_longer_than_the_others_by_the_factor_is_named():
    lengths = {"east": 1.0, "north": 30.0, "south": -2.0, "west": 9.0}  # mean 4, maximum 9
    replies = [moved(site, length) for site, length in lengths.items()]
    messages = dict.fromkeys(lengths, SENT)
    assert find_outliers(messages, replies, factor=16.0) == {}
    assert find_outliers(messages, replies, factor=14.0) == {
        "north": "its update is 30 long, 2 is the others' median"
    }


def test_a_site_of_many_batches_is_no_outlier():
    counted = {"east": 300, "north": 20, "south": 25}
    replies = [
        replace(moved(site, 1.0), weights=moved(site, 1.0).weights | {"b": torch.tensor(count)})
        for site, count in counted.items()
    ]
    assert find_outliers(dict.fromkeys(counted, SENT), replies, factor=2.0) == {}


@given(st.lists(st.floats(0.1, 9.0), min_size=1, max_size=6), st.floats(1.0, 4.0))
@settings(deadline=None)
def test_most_sites_are_never_outliers(lengths, factor):
    replies = [moved(f"s{i}", length) for i, length in enumerate(lengths)]
    odd = find_outliers(dict.fromkeys([r.site for r in replies], SENT), replies, factor)
    assert len(odd) <= len(lengths) / 2


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"norm_factor": 0.5}, "reply_validation.norm_factor: at least 1, or null; got 0.5."),
        ({"largest_reply": -1.0}, "reply_validation.largest_reply: above 0, or null; got -1.0."),
    ],
)
def test_a_limit_outside_its_range_is_refused(values, line):
    with pytest.raises(ConfigErrors, match=line):
        ReplyValidation(**values)


@pytest.mark.parametrize(
    "name", ["psnr/slice", "reconstruction/x/3/psnr/fastmri", "other/0001/3/psnr/fastmri", ""]
)
def test_scores_of_a_test_are_named_as_scores_are(name):
    good = "zero-filled/0001/3/psnr/fastmri"
    assert validate_reply("test", Broadcast(0, {}), Reply("ixi", metrics={good: 1.0})) is None
    odd = Reply("ixi", metrics={good: 1.0, name: 1.0})
    why = validate_reply("test", Broadcast(0, {}), odd)
    assert why == "1 of its scores aren't named as scores are"
