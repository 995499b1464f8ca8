"""Suspensions: which sites are left out, for how long, and how a site returns."""

import pytest

from flmrcm.errors import ConfigErrors
from flmrcm.federation.participation import Tolerance, is_suspended

TWICE = Tolerance(quorum=1, suspend_after=2, suspend_for=3)


def list_called(tolerance, fails, rounds=12):
    """Return the rounds in which a site that fails in some of them is called."""
    suspensions, called = {}, []
    for round_ in range(rounds):
        if is_suspended(suspensions, "north", round_):
            suspensions = tolerance.suspend_after_round(suspensions, round_, {"south"}, set())
            continue
        called.append(round_)
        failed = {"north"} if round_ in fails else set()
        suspensions = tolerance.suspend_after_round(
            suspensions, round_, {"north", "south"} - failed, failed
        )
    return called


def test_a_site_that_fails_twice_is_suspended_and_taken_back_after_its_rounds():
    assert list_called(TWICE, fails={1, 2}) == [0, 1, 2, 6, 7, 8, 9, 10, 11]


def test_a_site_taken_back_has_a_clean_slate():
    assert list_called(TWICE, fails={0, 1, 5, 7, 8}) == [0, 1, 5, 6, 7, 8]


def test_a_good_round_in_between_clears_a_failure():
    assert list_called(TWICE, fails={0, 2, 4, 6}) == list(range(12))


def test_without_suspensions_a_site_may_fail_for_ever():
    assert list_called(Tolerance(quorum=1), fails=set(range(12))) == list(range(12))


def test_a_site_that_is_not_called_stays_as_it_was():
    suspensions = {"north": (1, 0), "south": (0, 9)}
    assert TWICE.suspend_after_round(suspensions, 3, {"east"}, set()) == suspensions


def test_a_site_that_answered_and_failed_has_failed():
    assert TWICE.suspend_after_round({}, 0, set(), {"north"}) == {"north": (1, 0)}


def test_without_a_quorum_all_are_needed_and_no_failure_is_tolerated():
    assert Tolerance().count_needed(5) == 5
    assert not Tolerance().tolerates_failures
    assert Tolerance(quorum=3).count_needed(5) == 3


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"quorum": 0}, "robust.quorum: at least 1, or null; got 0."),
        ({"timeout": 0.0}, "robust.timeout: above 0, or null; got 0.0."),
        ({"quorum": 1, "suspend_after": 0}, "robust.suspend_after: at least 1, or null; got 0."),
        ({"suspend_for": 0}, "robust.suspend_for: at least 1; got 0."),
        ({"suspend_after": 2}, "robust.suspend_after: needs robust.quorum"),
    ],
)
def test_a_wrong_value_is_refused(values, line):
    with pytest.raises(ConfigErrors) as caught:
        Tolerance(**values)
    assert line in caught.value.problems[0]
