import math

import pytest

from flmrcm.federation.engine import Progress
from flmrcm.tracking.live_state import LiveState, SiteLine
from flmrcm.types import Measurement


@pytest.fixture
def board() -> LiveState:
    return LiveState(rounds=4, done=0, lines={"brats": SiteLine()}, round_started=0.0)


def test_speed_is_slices_over_seconds_since_the_site_was_first_heard_of(board):
    board.update_progress(Progress("train", "brats", 16, 96, 0.5), now=10.0)
    board.update_progress(Progress("train", "brats", 96, 96, 0.4), now=12.0)
    assert board.lines["brats"].speed == 40.0
    assert board.lines["brats"].finished


def test_time_left_is_the_mean_round_times_the_rounds_missing(board):
    assert math.isnan(board.estimate_seconds_left(5.0))
    board.end_round(0, now=10.0)
    board.end_round(1, now=30.0)
    assert board.estimate_seconds_left(30.0) == 30.0
    assert board.estimate_seconds_left(36.0) == 24.0
    assert board.estimate_seconds_left(1000.0) == 0.0


def test_rounds_before_a_resume_do_not_count_as_fast(board):
    board.done = 2
    board.end_round(2, now=10.0)
    assert board.estimate_seconds_left(10.0) == 10.0


def test_the_last_round_is_compared_with_the_median_of_those_before(board):
    for number, now in enumerate((10.0, 20.0, 60.0, 70.0)):
        board.end_round(number, now)
    assert board.compare_last_round() == 1.0  # 10, 10, 40 before, and 10
    board.end_round(4, now=100.0)
    assert board.compare_last_round() == 3.0


def test_the_first_round_has_nothing_to_be_compared_with(board):
    board.end_round(0, now=10.0)
    assert math.isnan(board.compare_last_round())


def test_a_loss_that_is_not_there_leaves_the_last_one(board):
    board.update_progress(Progress("train", "brats", 1, 2, 0.5), now=0.0)
    board.update_progress(Progress("train", "brats", 2, 2, float("nan")), now=1.0)
    assert board.lines["brats"].loss == 0.5


def test_only_the_default_convention_is_shown(board):
    board.update(
        [
            Measurement(0, "val", "brats", "psnr", c, v)
            for c, v in (("fastmri", 30), ("slice_max", 9))
        ]
    )
    assert board.lines["brats"].psnr == 30


def test_means_are_over_the_sites_that_trained(board, rounds):
    board.update(rounds[0])
    loss, psnr, _ = board.compute_means()
    assert (loss, psnr) == (0.5, pytest.approx((29 + 31) / 2))


def test_a_pool_is_shown_with_the_scores_of_the_sites_it_came_from(board):
    board.update_progress(Progress("train", "pooled", 1, 2, 0.5), now=0.0)
    board.update([Measurement(0, "val", "brats", "psnr", "fastmri", 30.0)])
    assert board.compute_means()[:2] == (0.5, 30.0)
