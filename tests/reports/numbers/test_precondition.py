"""Where the reference gains too little over zero-filled, nobody is ranked."""

import pandas as pd
import pytest
from kits.reports import START, comparison_below, rows_of, write_run

from flmrcm.learning.metrics import ZERO_FILLED
from flmrcm.reports.numbers.summary import compute_gains, explain_shortfall

GOOD = {"north": (START + 3, START + 5), "south": (START + 2, START + 2)}


def test_gain_is_taken_on_each_runs_own_images():
    frames = [
        rows_of(name, {"north": values}).assign(run=run)
        for run, start, connected in (("1", (10, 12), (13, 15)), ("2", (20, 20), (21, 21)))
        for name, values in ((ZERO_FILLED, start), ("FL", connected))
    ]
    assert compute_gains(pd.concat(frames)).to_dict() == {("FL", "north"): 2.0}


@pytest.mark.parametrize(("least", "meets"), [(None, True), (2.0, True), (2.1, False)])
def test_every_participating_site_counts(tmp_path, least, meets):
    write_run(tmp_path / "a", values=GOOD)
    said = explain_shortfall(comparison_below(tmp_path).sections[0], "FL-MR", least)
    assert (said == "") is meets
    assert meets or said.endswith("gains less at south (2.00 dB).")


def test_sites_that_did_not_train_do_not_count(tmp_path):
    values = {**GOOD, "unseen": (START,)}
    write_run(tmp_path / "a", values=values, participants=["north", "south"])
    assert explain_shortfall(comparison_below(tmp_path).sections[0], "FL-MR", 1.0) == ""


def test_participants_count_where_only_the_unseen_site_is_shown(tmp_path):
    values = {"north": (START,), "south": (START,), "unseen": (START + 9,)}
    write_run(tmp_path / "a", values=values, participants=["north", "south"], scenario="unseen")
    comparison = comparison_below(tmp_path)
    said = explain_shortfall(comparison.sections[0], "FL-MR", 1.0)
    assert "north (0.00 dB), south (0.00 dB)" in said


@pytest.mark.parametrize(("trained", "unseen", "meets"), [(2.0, -4.0, True), (0.4, 3.0, False)])
def test_with_each_site_left_out_once_runs_that_it_did_not_train_in_do_not_count(
    tmp_path, trained, unseen, meets
):
    sites = ("north", "south", "west")
    for target in sites:
        values = {site: (START + (unseen if site == target else trained),) for site in sites}
        others = [site for site in sites if site != target]
        own = {"participants": others, "scenario": "unseen", "target": target}
        write_run(tmp_path / target, values=values, **own)
    said = explain_shortfall(comparison_below(tmp_path).sections[0], "FL-MR", 1.0)
    assert (said == "") is meets
    assert meets or "north (0.40 dB), south (0.40 dB), west (0.40 dB)" in said


def test_the_other_methods_may_gain_less_for_that_is_a_result(tmp_path):
    write_run(tmp_path / "a", values=GOOD)
    write_run(tmp_path / "b", "FL-MRCM", values={"north": (START,), "south": (START,)})
    assert explain_shortfall(comparison_below(tmp_path).sections[0], "FL-MR", 1.0) == ""


@pytest.mark.parametrize("reference", ["", ZERO_FILLED])
def test_without_a_trained_reference_nothing_is_asked(tmp_path, reference):
    write_run(tmp_path / "a", values={"north": (START,), "south": (START,)})
    assert explain_shortfall(comparison_below(tmp_path).sections[0], reference, 1.0) == ""


def test_what_was_not_tested_is_not_met(tmp_path):
    write_run(tmp_path / "a", values=GOOD, participants=["east", "north"])
    said = explain_shortfall(comparison_below(tmp_path).sections[0], "FL-MR", 1.0)
    assert "east (not tested)" in said
