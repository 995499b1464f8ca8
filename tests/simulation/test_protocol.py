"""Protocols with impossible values are refused."""

import pytest
import torch

from flmrcm.errors import ConfigErrors
from flmrcm.simulation.protocol import Mprage, ScanProtocol, Spgr, SpinEcho
from flmrcm.simulation.tissues import FIELD_STRENGTHS, TISSUES, get_relaxation


def test_all_mistakes_are_reported_together() -> None:
    with pytest.raises(ConfigErrors) as caught:
        ScanProtocol(tesla=7.0, sequences={}, field_mm=50, snr=0)
    assert {line.split(":")[0] for line in caught.value.problems} == {
        "protocol.tesla",
        "protocol.sequences",
        "protocol.field_mm",
        "protocol.snr",
    }


@pytest.mark.parametrize(
    ("make", "key"),
    [
        (lambda: SpinEcho(tr=10, te=20), "te"),
        (lambda: Spgr(tr=10, te=5, flip=120), "flip"),
        (lambda: Mprage(tr=2300, ti=100, flip=9), "ti"),
        (lambda: Mprage(tr=900, ti=900, flip=9), "tr"),
    ],
)
def test_impossible_timing_is_refused(make: object, key: str) -> None:
    with pytest.raises(ConfigErrors, match=f"{key}: "):
        make()


@pytest.mark.parametrize("tesla", FIELD_STRENGTHS)
def test_every_tissue_has_a_signal(tesla: float) -> None:
    for sequence in (SpinEcho(500, 10), Spgr(8, 3, 12), Mprage(2300, 900, 9)):
        signal = sequence.compute_signal(get_relaxation(tesla))
        assert signal.shape == (len(TISSUES),)
        assert torch.isfinite(signal).all()
