"""Schlemper's cascade and MoDL: sizes, consistency, what is shared."""

import pytest
import torch
from kits.factories import make_kspace_batch
from torch.testing import assert_close

from flmrcm.models.cascade import Cascade
from flmrcm.models.modl import MoDL
from flmrcm.models.unet_complex import ComplexUNet
from flmrcm.mri.acquisition import Cartesian
from flmrcm.mri.fourier import ifft2c
from flmrcm.seeding import seeded


def test_models_have_the_sizes_that_the_table_tells() -> None:
    def count(net: torch.nn.Module) -> int:
        return sum(p.numel() for p in net.parameters())

    assert count(ComplexUNet(32, 4)) == 7_756_418
    assert count(Cascade()) == 5 * 28_930
    assert count(MoDL()) == count(MoDL(unrolls=1)) == 113_413


def test_a_cascade_is_networks_and_consistency_in_turns() -> None:
    net, batch = Cascade(3, 3, 4), make_kspace_batch()
    acquisition = Cartesian(batch.mask, torch.ones(1, 1, 1, 1, dtype=torch.complex64))
    assert batch.kspace is not None
    found, *_ = net.unroll(acquisition, batch.kspace)
    current = batch.kspace
    for denoiser in net.cascades:
        image = denoiser(ifft2c(current)[:, 0])[0]
        current = torch.where(batch.mask, batch.kspace, acquisition.expand(image))
    assert_close(found, ifft2c(current)[:, 0].abs())


def test_networks_that_have_learnt_nothing_leave_the_zero_filled_image() -> None:
    net, batch = Cascade(3, 3, 4, weight=0.0), make_kspace_batch()
    for parameter in net.parameters():
        torch.nn.init.zeros_(parameter)
    assert_close(net(batch).image, batch.image, atol=1e-5, rtol=1e-5)


def test_the_weight_of_measured_samples_goes_from_the_network_to_the_measurement() -> None:
    images = []
    for weight in (0.0, 1.0, 1e9, None):
        with seeded("cascade"):
            images.append(Cascade(2, 3, 4, weight=weight)(make_kspace_batch()).image)
    free, half, full, hard = images
    assert_close(full, hard, atol=1e-4, rtol=1e-4)
    distances = [(image - hard).abs().sum() for image in (free, half)]
    assert distances[0] > distances[1] > 0


def test_modl_solves_for_the_image_that_suits_data_and_denoiser() -> None:
    """Every unroll's result x fulfils AᴴA x + λ x = Aᴴ y + λ z."""
    net, batch = MoDL(1, 3, 4, weight=0.3, cg_steps=60).eval(), make_kspace_batch(coils=4)
    assert batch.kspace is not None
    acquisition = Cartesian(batch.mask, net.find_maps(batch.kspace, batch))
    with torch.no_grad():
        found, *_ = net.unroll(acquisition, batch.kspace)
        start = acquisition.adjoint(batch.kspace)
        right = start + 0.3 * net.denoiser(start)[0]
        x = acquisition.solve(right, 0.3, steps=60)
        assert_close(acquisition.normal(x) + 0.3 * x, right, atol=1e-4, rtol=1e-3)
    assert_close(found, x.abs(), atol=1e-5, rtol=1e-5)


def test_modl_learns_its_weight_and_keeps_it_positive() -> None:
    net = MoDL(2, 3, 4)
    assert net.log_weight.exp().item() == pytest.approx(0.05)
    net(make_kspace_batch()).image.abs().mean().backward()
    assert net.log_weight.grad is not None
    assert net.log_weight.grad != 0


def test_one_unroll_s_weights_start_more() -> None:
    one, many = MoDL(1, 3, 4), MoDL(5, 3, 4)
    many.load_state_dict(one.state_dict())
    batch = make_kspace_batch()
    assert not torch.allclose(one(batch).image, many(batch).image)
