"""Who stands where: means, worst sites, tests, and what isn't compared."""

from dataclasses import replace

import numpy as np
import pytest
from kits.benchmark import make_result, make_scores, read_tiny

from flmrcm.config.benchmark import Cell
from flmrcm.reports.leaderboard.standings import build_board
from flmrcm.reports.numbers.statistics import run_paired_test

TINY = read_tiny()
CELL = Cell("participating", "t1_single", "sim_h", 1)


def board(*results, task="participating", **changes):
    return build_board(read_tiny(**changes), results, task, "t1_single")


def test_means_and_the_worst_site_are_those_of_the_scores():
    result = make_result(TINY)
    found = board(result)
    rows = result.scores[result.scores["task"] == "participating"]
    means = rows.groupby("site")["psnr"].mean()
    assert found.find_worst("FL-MR") == pytest.approx((means.min(), "sim_b"), abs=1e-9)
    assert found.find_mean("FL-MR")[0] == pytest.approx(means.mean())
    assert found.find_mean("zero-filled")[0] == pytest.approx(rows["zero_filled_psnr"].mean())
    assert found.average("FL-MR", "ssim") == pytest.approx(0.8)


def test_a_target_is_judged_alone_where_the_task_says_so():
    assert board(make_result(TINY), task="unseen").sites == ["sim_b"]


def test_tests_are_those_of_compare_and_corrected_over_the_board():
    results = make_result(TINY), make_result(TINY, "a", 0.5), make_result(TINY, "b", -0.5)
    found = board(*results)
    assert found.reference == "FL-MR"
    assert {*found.tests} == {(m, s) for m in ("a", "b") for s in ("sim_b", "sim_h")}
    values = [r.scores.query("task == 'participating' and site == 'sim_b'") for r in results]
    expected = run_paired_test(values[1]["psnr"], values[0]["psnr"])
    assert found.tests["a", "sim_b"] == pytest.approx(expected)
    assert set(found.corrected.values()) == {4 * 2 / 2**6}
    assert found.methods == ["a", "FL-MR", "b"]
    assert any("Nothing here is significant" in note for note in found.notes)


def test_steps_of_the_run_that_a_method_goes_on_from_count():
    greedy = make_result(TINY, "greedy", 0.5)
    unseen = {c: r for c, r in greedy.runs.items() if c.task == "unseen"}
    more = {c: r.model_copy(update={"steps": 2 * r.steps}) for c, r in unseen.items()}
    for runs, tested in ((greedy.runs, True), ({**greedy.runs, **more}, False)):
        found = board(make_result(TINY), replace(greedy, runs=runs), task="few_shot")
        assert bool(found.tests) == tested
        assert any("greedy: not tested" in note for note in found.notes) != tested


def test_better_and_worse_are_told_apart():
    found = board(make_result(TINY), make_result(TINY, "a", 0.5), task="unseen")
    assert found.list_significant("a") == (["sim_b"], [])
    found = board(make_result(TINY), make_result(TINY, "a", -0.5), task="unseen")
    assert found.list_significant("a") == ([], ["sim_b"])


def test_what_another_seed_changes_more_is_said_to_be_small():
    seeds = read_tiny(seeds=[1, 2])

    def spread(method, gain):
        result = make_result(seeds, method, gain)
        for cell in (c for c in seeds.list_cells() if c.seed == 2):
            result = result.add(cell, result.runs[cell], make_scores(seeds, cell, gain + 3))
        return result

    found = build_board(seeds, [spread("fl_mr", 0), spread("a", 0.5)], "unseen", "t1_single")
    assert found.list_significant("a") == (["sim_b"], [])
    assert any("a at sim_b: significant over volumes, but smaller" in n for n in found.notes)
    found = build_board(seeds, [spread("fl_mr", 0), spread("a", 9)], "unseen", "t1_single")
    assert not any("smaller" in note for note in found.notes)


def test_other_numbers_of_steps_are_not_tested():
    near, far = make_result(TINY, "near", 1, steps=101), make_result(TINY, "far", 1, steps=102)
    found = board(make_result(TINY), near, far)
    assert {method for method, _ in found.tests} == {"near"}
    assert any("far: not tested: 102 optimizer steps, not 100." in note for note in found.notes)


def test_a_method_without_all_its_runs_is_named_and_not_shown():
    seeds = read_tiny(seeds=[1, 2])
    half = make_result(read_tiny(), "a", 1)
    found = build_board(seeds, [make_result(seeds), half], "participating", "t1_single")
    assert [*found.results] == ["FL-MR"]
    assert "a: 1 of 2 runs; not shown." in found.notes


def test_nothing_is_ranked_where_the_reference_gains_too_little():
    results = make_result(TINY), make_result(TINY, "a", 0.5)
    assert board(*results, least_gain=5.0).ranked
    found = board(*results, least_gain=5.5)
    assert not found.ranked
    assert not found.tests
    assert found.methods == ["a", "FL-MR"]
    assert "**No ranking:** FL-MR has to gain 5.5 dB" in found.notes[0]
    assert board(*results, task="unseen", least_gain=5.5).ranked  # asked where it trained


def test_seconds_are_compared_on_the_same_machine_only():
    slow = make_result(TINY, "slow", 1, seconds=10.0)
    assert board(make_result(TINY), slow).compare_seconds("slow") == 2
    elsewhere = make_result(TINY, "slow", 1, seconds=10.0, machine="Another CPU")
    assert board(make_result(TINY), elsewhere).compare_seconds("slow") is None
    gone_on = make_result(TINY, "slow", 1, seconds=0.0)
    assert board(make_result(TINY), gone_on).compare_seconds("slow") is None


def test_without_the_reference_there_are_means_and_no_tests():
    found = board(make_result(TINY, "a"))
    assert found.find_mean("a")[0] > 25
    assert (found.reference, found.tests, found.compare_seconds("a")) == ("", {}, None)


def spoil(result, site, metric="psnr"):
    """Return results with a score at a site that isn't finite."""
    scores = result.scores.copy()
    scores.loc[scores.index[scores["site"] == site][0], metric] = np.nan
    return replace(result, scores=scores)


@pytest.mark.parametrize("site", ["sim_b", "sim_h"])
def test_a_mean_that_is_not_finite_is_the_worst_and_comes_last(site):
    broken = spoil(make_result(TINY, "a", 9.0), site)
    found = board(make_result(TINY), broken, make_result(TINY, "b", 0.5))
    assert np.isnan(found.find_worst("a")[0])
    assert found.find_worst("a")[1] == site
    assert found.methods == ["b", "FL-MR", "a"]


def test_a_mean_of_another_metric_is_over_all_volumes_or_there_is_none():
    assert np.isnan(board(spoil(make_result(TINY), "sim_b", "ssim")).average("FL-MR", "ssim"))


def test_a_reference_that_is_not_finite_gains_too_little():
    found = board(spoil(make_result(TINY), "sim_b"), make_result(TINY, "a", 0.5))
    assert not found.ranked
    assert "sim_b +nan dB" in found.notes[0]


def test_results_of_one_name_are_all_shown():
    own = make_result(TINY, "own", 3.0)
    own = replace(own, about=own.about.model_copy(update={"name": "FL-MR"}))
    found = board(make_result(TINY), own, own)
    assert found.reference == "FL-MR (fl_mr)"
    names = {"FL-MR (fl_mr)", "FL-MR (own)", "FL-MR (own), file 2"}
    assert set(found.results) == names
    assert found.find_mean("FL-MR (own)")[0] > found.find_mean("FL-MR (fl_mr)")[0] + 2
