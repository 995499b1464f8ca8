"""The domain identifier, as published."""

import torch
from torch.testing import assert_close

from flmrcm.models.discriminator import build_discriminator


def test_it_is_as_wide_as_the_latents_it_judges() -> None:
    shapes = [tuple(p.shape) for p in build_discriminator(2048).parameters()]
    assert shapes == [(256, 2048), (256,), (2, 256), (2,)]
    assert build_discriminator(24, width=5)(torch.zeros(3, 24)).shape == (3, 2)


def test_the_logits_are_leaky_too() -> None:
    net, latents = build_discriminator(6, width=4), torch.randn(50, 6)
    first, _, last, _ = net

    def leaky(x: torch.Tensor) -> torch.Tensor:
        return torch.where(x > 0, x, 0.2 * x)

    assert_close(net(latents), leaky(last(leaky(first(latents)))))
