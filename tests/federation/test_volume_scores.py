"""Scores that travel: every number arrives, no name does."""

from flmrcm.federation.volume_scores import (
    RECONSTRUCTED,
    find_score_problem,
    name_scores,
    number_scores,
)
from flmrcm.learning.metrics import ZERO_FILLED, VolumeScore

OURS = [
    VolumeScore("ixi/smith", "psnr", "fastmri", 31.25, 8),
    VolumeScore("ixi/jones", "psnr", "fastmri", 30.5, 7),
    VolumeScore("ixi/jones", "ssim", "slice_max", 0.1 + 0.2, 7),
]
ZERO = [VolumeScore("ixi/smith", "psnr", "fastmri", 20.0, 8)]


def test_no_volume_name_travels():
    assert not [name for name in number_scores(OURS, ZERO) if "smith" in name or "jones" in name]


def test_every_score_arrives_under_its_volumes_number():
    number = {"ixi/jones": "ixi/0000", "ixi/smith": "ixi/0001"}
    arrived = name_scores("ixi", number_scores(OURS, ZERO))
    assert arrived[RECONSTRUCTED] == [s._replace(volume=number[s.volume]) for s in OURS]
    assert arrived[ZERO_FILLED] == [s._replace(volume="ixi/0001") for s in ZERO]


def test_a_volume_has_the_same_number_in_every_order_of_scoring():
    assert number_scores(OURS, ZERO) == number_scores(OURS[::-1], ZERO)


def test_scores_of_a_sites_own_weights_say_so():
    arrived = name_scores("ixi", number_scores(OURS, ZERO, own=True))
    assert set(arrived) == {"personal", ZERO_FILLED}
    assert find_score_problem(number_scores(OURS, ZERO, own=True)) is None
