"""Somebody else's results: repeated within the tolerance or not, and never built unlooked at."""

import pytest
from kits.benchmark import make_result, read_tiny

from flmrcm.config.benchmark import Cell
from flmrcm.errors import DataLayoutError
from flmrcm.reports.leaderboard.result_file import Result
from flmrcm.runs.benchmark.verification import (
    choose_chains,
    compare_scores,
    prepare_verification,
    verify,
)

TINY = read_tiny()
CELL = Cell("participating", "t1_single", "sim_h", 1)
THEIRS = make_result(TINY)


def compare(**gains):
    """Compare with scores that are higher by `gains` at sim_b."""
    scores = THEIRS.scores.copy()
    for metric, gain in gains.items():
        scores.loc[scores["site"] == "sim_b", metric] += gain
    return compare_scores(TINY, THEIRS, scores, [*THEIRS.runs])


@pytest.mark.parametrize(
    ("gains", "accepted", "said"),
    [
        ({}, True, "psnr: equal"),
        ({"psnr": 0.29}, True, "psnr: a site's mean differs by up to 0.29"),
        ({"psnr": -0.31}, False, "allowed 0.3: too much"),
        ({"ssim": 0.011}, False, "ssim: a site's mean differs by up to 0.011"),
        ({"zero_filled_psnr": 0.02}, False, "zero filled psnr: a site's mean differs"),
        ({"psnr": float("nan")}, False, "psnr: not a number"),
    ],
)
def test_a_sites_mean_may_differ_by_the_tolerance_and_no_more(gains, accepted, said):
    found = compare(**gains)
    assert found.accepted == accepted
    assert any(said in line for line in found.lines)
    assert ("not accepted" in found.lines[-1]) == (not accepted)


def test_one_volume_may_differ_more_than_the_mean():
    scores = THEIRS.scores.copy()
    scores.loc[0, "psnr"] += 1.0  # a sixth of that in the mean of six volumes
    assert compare_scores(TINY, THEIRS, scores, [*THEIRS.runs]).accepted


def test_what_is_asked_for_is_repeated_with_what_it_goes_on_from():
    shift = CELL._replace(task="acceleration_shift")
    assert choose_chains(TINY, THEIRS, [1], ["acceleration_shift"]) == [[CELL, shift]]
    assert choose_chains(TINY, THEIRS, [1], ["participating"]) == [[CELL]]
    assert sum(map(len, choose_chains(TINY, THEIRS, [1], []))) == 5
    part = Result(THEIRS.about, {shift: THEIRS.runs[shift]}, THEIRS.scores)
    assert choose_chains(TINY, part, [1], []) == [[CELL, shift]]


def with_strategy(**keys):
    about = THEIRS.about.model_copy(update={"strategy": {**THEIRS.about.strategy, **keys}})
    return Result(about, THEIRS.runs, THEIRS.scores)


@pytest.mark.parametrize(
    "keys",
    [
        {"_target_": "os.system"},
        {"weighting": {"_target_": "shutil.rmtree", "path": "/"}},
        {"name": "${oc.env:HOME}"},
        {"_args_": ["ls"]},
    ],
)
def test_what_is_not_on_the_list_is_refused_before_anything_is_built(keys, tmp_path):
    with pytest.raises(DataLayoutError, match="trust=true"):
        prepare_verification(TINY, with_strategy(**keys), False, tmp_path)


def test_a_config_that_is_made_otherwise_here_is_not_run(tmp_path):
    contest = prepare_verification(TINY, THEIRS, False, tmp_path)
    with pytest.raises(DataLayoutError, match="another config is made of it here"):
        verify(contest, THEIRS, [[CELL]], "equal")
    with pytest.raises(DataLayoutError, match="none of the runs"):
        verify(contest, THEIRS, [], "equal")
    assert not any(tmp_path.iterdir())
