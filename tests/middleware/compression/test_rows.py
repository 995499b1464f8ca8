"""Latents: two bytes a number in their own shape, and a scale a slice."""

import pytest
import torch

from flmrcm.middleware.compression.packing import PayloadError
from flmrcm.middleware.compression.rows import restore_rows, round_rows


def test_latents_keep_their_shape_and_a_scale_for_each_slice():
    latents = {"latents": torch.randn(5, 64) * torch.logspace(-3, 3, 5)[:, None]}
    sent = round_rows(latents)
    assert sent["latents"].shape == (5, 64)
    assert sum(tensor.nbytes for tensor in sent.values()) == 5 * 64 * 2 + 5 * 4
    arrived = restore_rows(sent)["latents"]
    step = latents["latents"].abs().amax(1, keepdim=True) / 32767
    assert ((arrived - latents["latents"]).abs() <= 0.51 * step).all()
    assert torch.allclose(restore_rows(round_rows({"latents": arrived}))["latents"], arrived)


def test_latents_that_are_not_finite_travel_as_they_are():
    latents = {"latents": torch.tensor([[1.0, float("nan")]]), "none": torch.zeros(0, 4)}
    assert round_rows(latents) == latents


@pytest.mark.parametrize(
    "odd",
    [
        {"compressed-latents": torch.ones(1)},
        {"latents": torch.ones(2, 3), "compressed-latents": torch.ones(2)},
        {"latents": torch.ones(2, 3).to(torch.int8), "compressed-latents": torch.ones(2)},
        {"latents": torch.ones(2, 3).to(torch.int16), "compressed-latents": torch.ones(3)},
        {
            "latents": torch.ones(1, 3).to(torch.int16),
            "compressed-latents": torch.tensor([torch.inf]),
        },
    ],
)
def test_latents_of_another_form_are_refused(odd):
    with pytest.raises(PayloadError):
        restore_rows(odd)
