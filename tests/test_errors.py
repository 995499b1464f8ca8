"""Errors name what is wrong and how to mend it, all at once."""

import pytest

from flmrcm.errors import ConfigErrors, FlmrcmError, check_choice, require, suggest_nearest


def test_require_passes_where_every_rule_holds() -> None:
    require({"a": (True, "never shown"), "b": (True, "never shown")})


def test_require_reports_every_broken_rule_together() -> None:
    with pytest.raises(ConfigErrors) as caught:
        require({"a.x": (False, "at least 1."), "b": (True, "fine"), "c": (False, "below 2.")})
    assert caught.value.problems == ["a.x: at least 1.", "c: below 2."]
    assert str(caught.value) == "a.x: at least 1.\nc: below 2."
    assert isinstance(caught.value, FlmrcmError)


def test_one_of_is_silent_about_an_allowed_value() -> None:
    assert check_choice("key", "off", ("off", "ram")) == []


def test_one_of_names_key_value_and_what_is_allowed() -> None:
    (line,) = check_choice("data.cache", "rma", ("off", "ram"))
    assert line == "data.cache=rma: use one of off, ram. Did you mean 'ram'?"


def test_nothing_is_suggested_where_no_word_is_near() -> None:
    assert suggest_nearest("zzz", ["off", "ram"]) == ""


def test_nearest_takes_any_value() -> None:
    assert suggest_nearest(None, ["off"]) == ""
    assert suggest_nearest("simb", iter(["sim_b", "sim_f"])) == " Did you mean 'sim_b'?"
