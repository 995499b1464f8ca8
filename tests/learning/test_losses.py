"""What training minimises."""

import numpy as np
import pytest
import torch
from kits.factories import make_batch
from skimage.metrics import structural_similarity

from flmrcm.errors import ConfigErrors
from flmrcm.learning.losses import L1, L1SSIM, L2, SSIMLoss, compute_ssim
from flmrcm.mri.normalisation import denormalise
from flmrcm.types import Reconstruction

LOSSES = [L1(), L2(), SSIMLoss(), L1SSIM(0.5)]


def pair():
    """A batch with its peak, and an image something like its target."""
    batch = make_batch()
    target = denormalise(batch.target, batch.mean, batch.std)
    batch = batch._replace(peak=target.amax((1, 2, 3)))
    noise = torch.randn(batch.target.shape, generator=torch.Generator().manual_seed(0))
    return batch.target + 0.3 * noise, batch


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
def test_a_perfect_image_costs_nothing_and_another_something(loss):
    image, batch = pair()
    assert loss(Reconstruction(batch.target), batch).item() == pytest.approx(0, abs=1e-6)
    assert loss(Reconstruction(image), batch) > 0.01


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
def test_a_loss_is_a_float32_scalar_whatever_the_network_computes_in(loss):
    image, batch = pair()
    found = loss(Reconstruction(image.bfloat16()), batch)
    assert found.dtype == torch.float32
    assert found.ndim == 0


def test_l1_and_l2_are_means_over_pixels():
    image, batch = pair()
    found, error = Reconstruction(image), image - batch.target
    assert L1()(found, batch) == error.abs().mean()
    torch.testing.assert_close(L2()(found, batch), error.square().mean())


def test_ssim_is_scikit_images_in_the_datas_own_units():
    image, batch = pair()
    x, y = (denormalise(z, batch.mean, batch.std) for z in (image, batch.target))
    expected = [
        structural_similarity(t.numpy(), i.numpy(), data_range=float(peak))
        for t, i, peak in zip(y[:, 0], x[:, 0], batch.peak, strict=True)
    ]
    assert SSIMLoss()(Reconstruction(image), batch).item() == pytest.approx(
        1 - np.mean(expected), abs=1e-5
    )


@pytest.mark.filterwarnings("ignore")  # fastMRI's own imports
def test_ssim_is_fastmris():
    losses = pytest.importorskip("fastmri.losses")
    image, batch = pair()
    x, y = (denormalise(z, batch.mean, batch.std) for z in (image, batch.target))
    expected = losses.SSIMLoss()(x, y, batch.peak)
    torch.testing.assert_close(1 - compute_ssim(x, y, batch.peak).mean(), expected)


def test_ssim_of_a_black_volume_is_a_number_with_a_gradient():
    batch = make_batch()
    dark = torch.zeros_like(batch.mean)
    batch = batch._replace(target=torch.zeros_like(batch.target), mean=dark, peak=dark)
    for image in (torch.zeros_like(batch.target), 1e-6 + torch.zeros_like(batch.target)):
        image.requires_grad_()
        loss = SSIMLoss()(Reconstruction(image), batch)
        loss.backward()
        assert 0 <= loss.item() < 1e-3
        assert image.grad.isfinite().all()


def test_the_sum_weighs_its_two_parts():
    image, batch = pair()
    found = Reconstruction(image)
    parts = L1()(found, batch), SSIMLoss()(found, batch)
    for weight in (0.0, 0.3, 1.0):
        expected = (1 - weight) * parts[0] + weight * parts[1]
        torch.testing.assert_close(L1SSIM(weight)(found, batch), expected)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
def test_every_pixel_of_the_image_gets_a_finite_gradient(loss):
    image, batch = pair()
    image.requires_grad_()
    loss(Reconstruction(image), batch).backward()
    assert image.grad is not None
    assert image.grad.isfinite().all()
    assert (image.grad != 0).float().mean() > 0.99


def test_a_weight_outside_its_range_is_refused():
    with pytest.raises(ConfigErrors, match=r"loss.ssim_weight: in \[0, 1\]; got 1.5"):
        L1SSIM(1.5)
