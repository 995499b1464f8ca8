"""Laws of the signal equations."""

import math

import pytest
import torch
from torch.testing import assert_close

from flmrcm.mri.signal import Tissue, mprage, spgr, spin_echo

WHITE, GREY, CSF = range(3)
TRAIN = {"flip": 9.0, "pulses": 160, "spacing": 7.0}


@pytest.fixture
def brain() -> Tissue:
    return Tissue(
        t1=torch.tensor([830.0, 1330.0, 4500.0]),
        t2=torch.tensor([80.0, 110.0, 2000.0]),
        pd=torch.tensor([0.7, 0.82, 1.0]),
    )


def test_a_spin_echo_without_weighting_is_the_proton_density(brain: Tissue) -> None:
    assert_close(spin_echo(brain, tr=1e7, te=0.0), brain.pd)


def test_a_spin_echo_loses_two_thirds_in_one_t2(brain: Tissue) -> None:
    te = float(brain.t2[GREY])
    assert_close(spin_echo(brain, 1e7, te)[GREY], brain.pd[GREY] / math.e)


def test_white_matter_is_bright_in_t1_and_csf_in_t2(brain: Tissue) -> None:
    for t1_weighted in (
        spin_echo(brain, tr=500, te=10),
        spgr(brain, tr=8, te=3, flip=14),
        mprage(brain, tr=2300, ti=900, **TRAIN).abs(),
    ):
        assert t1_weighted[WHITE] > t1_weighted[GREY] > t1_weighted[CSF]
    t2_weighted = spin_echo(brain, tr=5000, te=100)
    assert t2_weighted[CSF] > t2_weighted[GREY] > t2_weighted[WHITE]


def test_spgr_at_90_degrees_is_a_saturation_recovery(brain: Tissue) -> None:
    assert_close(spgr(brain, tr=500, te=10, flip=90), spin_echo(brain, tr=500, te=10))


def test_spgr_is_brightest_at_the_ernst_angle(brain: Tissue) -> None:
    ernst = math.degrees(math.acos(math.exp(-10 / float(brain.t1[WHITE]))))
    below, at, above = (spgr(brain, tr=10, te=0, flip=ernst + turn)[WHITE] for turn in (-2, 0, 2))
    assert at > below
    assert at > above


def test_mprage_with_one_small_pulse_is_an_inversion_recovery(brain: Tissue) -> None:
    tr, ti, flip = 3000.0, 900.0, 0.01
    signal = mprage(brain, tr, ti, flip, pulses=1, spacing=1e-3)
    relaxed = 1 - 2 * torch.exp(-ti / brain.t1) / (1 + torch.exp(-tr / brain.t1))
    assert_close(signal / math.sin(math.radians(flip)), brain.pd * relaxed, atol=1e-4, rtol=1e-3)


def test_mprage_agrees_with_playing_the_pulses_one_by_one(brain: Tissue) -> None:
    tr, ti, half = 2300.0, 900.0, TRAIN["pulses"] * TRAIN["spacing"] / 2
    angle = math.radians(TRAIN["flip"])

    def relaxed(magnetisation: torch.Tensor, ms: float) -> torch.Tensor:
        return 1 + (magnetisation - 1) * torch.exp(-ms / brain.t1)

    magnetisation, middle = torch.ones(3), torch.ones(3)
    for _ in range(20):
        magnetisation = relaxed(-magnetisation, ti - half)
        for pulse in range(TRAIN["pulses"]):
            if pulse == TRAIN["pulses"] // 2:
                middle = magnetisation
            magnetisation = relaxed(magnetisation * math.cos(angle), TRAIN["spacing"])
        magnetisation = relaxed(magnetisation, tr - ti - half)
    played = brain.pd * math.sin(angle) * middle * torch.exp(-TRAIN["spacing"] / 2 / brain.t2)
    assert_close(mprage(brain, tr, ti, **TRAIN), played, atol=1e-5, rtol=1e-4)


def test_a_map_gives_an_image_of_its_shape(brain: Tissue) -> None:
    image = Tissue(*(values.view(3, 1, 1).expand(3, 4, 5) for values in brain))
    assert_close(spin_echo(image, 500, 10)[:, 2, 3], spin_echo(brain, 500, 10))
