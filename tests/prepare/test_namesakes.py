"""Subjects who may be one person are named where a network could be tested on them."""

import pytest
from kits.prepare import Heads, make_preparation

from flmrcm.prepare.namesakes import find_split_namesakes
from flmrcm.prepare.splits import SplitByList


def find(folder, train, test):
    rule = SplitByList({"train": train, "test": test})
    plan = make_preparation(folder, Heads([*train, *test], contrasts=("T1", "T2")), split_rule=rule)
    pairs = find_split_namesakes(plan.plan().tasks)
    return [(one.found.subject, other.found.subject) for one, other in pairs]


@pytest.mark.parametrize("other", ["sub-007", "SUB 7", "sub7", "Sub_07", "sub-7 "])
def test_names_that_differ_in_case_zeros_or_separators_are_alike(tmp_path, other):
    assert find(tmp_path, ["sub-7", "sub-8"], [other, "sub-9"]) == [("sub-7", other)]


@pytest.mark.parametrize("other", ["sub-70", "sub-0", "s-ub7", "sub-7b", "?"])
def test_other_names_are_others(tmp_path, other):
    assert find(tmp_path, ["sub-7", "!"], [other]) == []


def test_in_one_split_they_do_no_harm(tmp_path):
    assert find(tmp_path, ["sub-7", "sub-07"], ["sub-8"]) == []
    assert len(find(tmp_path, ["sub-7", "sub-07"], ["sub-007"])) == 2
