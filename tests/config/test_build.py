"""Objects from config nodes: every problem is described in words, and all come together."""

from collections.abc import Sequence

import pytest

from flmrcm.config.build import Builder, describe_hint, find_argument_problems, fits_hint
from flmrcm.config.check import check_config
from flmrcm.config.compose import compose_config
from flmrcm.errors import ConfigErrors, require


def function(count: int, rate: float = 1.0, names: Sequence[str] | None = None) -> int:
    require({"count": (count > 0, f"above 0; got {count}.")})
    return count


@pytest.mark.parametrize(
    ("value", "hint", "expected"),
    [
        (1, int, True), (True, int, False), (1.0, int, False), ("1", int, False),
        (1, float, True), (1.5, float, True), (False, float, False),
        (None, int | None, True), (None, int, False), ([1, 2], Sequence[float], True),
        ([1, "2"], Sequence[float], False), (3, Sequence[float], False), ("x", str, True),
    ],
)  # fmt: skip
def test_a_value_fits_its_hint_or_not(value, hint, expected):
    assert fits_hint(value, hint) is expected


def test_a_type_is_described_in_words():
    assert describe_hint(int | None) == "a whole number or null"
    assert describe_hint(Sequence[float]) == "a list, each a number"


def test_unknown_names_and_wrong_types_are_reported_by_their_keys():
    keys = {"local.cuont": 1, "local.rate": "fast", "local.count": 2}
    assert find_argument_problems(function, keys, {}) == [
        "local.cuont: there is no such key. Did you mean 'count'?",
        "local.rate=fast: a number.",
    ]


def test_problems_gather_and_are_raised_together_once_each():
    builder = Builder()
    assert builder.call(function, {"a.count": 0}) is None
    assert builder.call(function, {"a.count": 0}) is None
    assert builder.call(function, {"b.count": "x"}) is None
    assert builder.call(function, {"c.count": 3}) == 3
    with pytest.raises(ConfigErrors) as caught:
        builder.raise_if_any()
    assert caught.value.problems == ["count: above 0; got 0.", "b.count=x: a whole number."]


def test_objects_that_no_config_can_hold_are_passed_beside_it():
    clients = {"here": object()}
    node = {"_target_": "flmrcm.engines.in_process.InProcess", "threads": 1}
    engine = Builder().build("engine", node, clients=clients, store=None)
    assert engine.clients["here"] is clients["here"]


@pytest.mark.parametrize("key", ["model", "mask", "loss"])
def test_a_node_of_another_kind_is_a_line_and_no_traceback(key):
    cfg = compose_config("train", ["model.channels=2"])
    cfg[key] = {"_target_": "fractions.Fraction", "numerator": 1}
    with pytest.raises(ConfigErrors) as caught:
        check_config(cfg)
    assert any(
        line.startswith(f"{key}: fractions.Fraction is no ") for line in caught.value.problems
    )
