"""Noise is normal, comes again with its address alone, or never."""

import pytest
import torch
from scipy.stats import kstest, uniform

from flmrcm.privacy.draws import SecureDraws, SeededDraws

LIKE = torch.zeros(200, 100)


@pytest.mark.parametrize("draws", [SeededDraws(1, "east", 0, 0), SecureDraws()])
def test_draws_are_normal_and_uniform(draws):
    noise = draws.gaussian(LIKE)
    assert (noise.shape, noise.dtype) == (LIKE.shape, LIKE.dtype)
    assert kstest(noise.flatten().numpy(), "norm").pvalue > 1e-6
    assert kstest(draws.uniform(5000), uniform.cdf).pvalue > 1e-6


@pytest.mark.parametrize("draws", [SeededDraws(1), SecureDraws()])
def test_each_call_draws_anew(draws):
    first, second = draws.gaussian(LIKE).flatten(), draws.gaussian(LIKE).flatten()
    assert abs(float(torch.corrcoef(torch.stack([first, second]))[0, 1])) < 0.05
    assert (draws.uniform(9) != draws.uniform(9)).any()


def test_seeded_draws_come_again_with_their_address_alone():
    addresses = [(1, "east", 0, 0), (2, "east", 0, 0), (1, "west", 0, 0), (1, "east", 1, 0)]
    noise = [SeededDraws(*address).gaussian(LIKE).flatten() for address in addresses]
    assert torch.equal(SeededDraws(*addresses[0]).gaussian(LIKE).flatten(), noise[0])
    off_diagonal = torch.corrcoef(torch.stack(noise)) - torch.eye(4)
    assert off_diagonal.abs().max() < 0.05


def test_secure_draws_never_come_again():
    torch.manual_seed(0)
    first = SecureDraws().gaussian(LIKE)
    torch.manual_seed(0)
    assert not torch.equal(SecureDraws().gaussian(LIKE), first)
