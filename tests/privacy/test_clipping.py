"""Gradients of single slices: those of one-by-one backpropagation, clipped, and Opacus' sum."""

import warnings
from functools import partial

import pytest
import torch
from kits.factories import make_batch, make_kspace_batch, make_unet
from torch import nn

from flmrcm.errors import FlmrcmError
from flmrcm.learning.losses import L1, L1SSIM, L2
from flmrcm.learning.ssdu import SSDU
from flmrcm.models.cascade import Cascade
from flmrcm.models.modl import MoDL
from flmrcm.models.unet import UNet
from flmrcm.models.unet_complex import ComplexUNet
from flmrcm.models.varnet import VarNet
from flmrcm.privacy.clipping import find_mixing_layer, sum_clipped

MODELS = {
    "unet": partial(UNet, 2, 2),
    "unet_complex": partial(ComplexUNet, 2, 2),
    "cascade": partial(Cascade, 2, 2, 4),
    "varnet": partial(VarNet, 1, 2, 2, 2, 2),
}
ANY = 1e9
"""A clip that clips nothing."""


def pick(batch, i):
    """Return a batch of one of a batch's slices."""
    tensors = {k: t[i : i + 1] for k, t in batch._asdict().items() if isinstance(t, torch.Tensor)}
    return batch._replace(volume=batch.volume[i : i + 1], **tensors)


def backpropagate(model, loss, batch):
    """Return a batch's gradient as one vector, computed as training computes it."""
    model.zero_grad()
    loss(model(batch), batch).backward()
    return torch.cat([p.grad.flatten() for p in model.parameters()])


def flatten(model, sums):
    return torch.cat([sums[name].flatten() for name, _ in model.named_parameters()])


@pytest.mark.parametrize("loss", [L1(), L2(), L1SSIM()], ids=lambda loss: type(loss).__name__)
@pytest.mark.parametrize("coils", [1, 3])
@pytest.mark.parametrize("name", MODELS)
def test_a_sum_is_that_of_gradients_one_by_one(name, coils, loss):
    torch.manual_seed(0)
    model = MODELS[name]().double()
    batch = make_kspace_batch(3, (16, 16), coils)
    tensors = {k: t for k, t in batch._asdict().items() if isinstance(t, torch.Tensor)}
    wide = {torch.float32: torch.float64, torch.complex64: torch.complex128}
    batch = batch._replace(**{k: t.to(wide.get(t.dtype, t.dtype)) for k, t in tensors.items()})
    batch = batch._replace(peak=torch.ones(3).double())
    alone = [backpropagate(model, loss, pick(batch, i)) for i in range(3)]
    clip = float(alone[0].norm()) * 0.7
    want = sum(g * min(1, clip / float(g.norm())) for g in alone)
    for chunk in (1, 2, 8):
        sums, value = sum_clipped(model, loss, [batch], clip, chunk)
        assert torch.allclose(flatten(model, sums), want, rtol=1e-6, atol=1e-9)
        with torch.no_grad():
            losses = [loss(model(one), one) for one in (pick(batch, i) for i in range(3))]
        assert float(value) == pytest.approx(float(sum(losses)) / 3)


def test_no_slice_weighs_more_than_the_clip():
    model, batch = make_unet(), make_batch(1)
    huge = batch._replace(target=batch.target * 1e6)
    for chunk in (1, 4):
        sums, _ = sum_clipped(model, L2(), [huge], 0.5, chunk)
        assert float(flatten(model, sums).norm()) == pytest.approx(0.5, rel=1e-5)


def test_slices_of_different_sizes_and_no_slices_add_up():
    model, small, large = make_unet(), make_batch(2), make_batch(1, (32, 16), seed=5)
    parts = [flatten(model, sum_clipped(model, L1(), [b], 1.0, 4)[0]) for b in (small, large)]
    both, _ = sum_clipped(model, L1(), [small, large], 1.0, 4)
    assert torch.allclose(flatten(model, both), sum(parts), atol=1e-6)
    nothing, loss = sum_clipped(model, L1(), [], 1.0, 4)
    assert not flatten(model, nothing).any()
    assert float(loss) == 0


def test_frozen_weights_have_no_gradient_and_no_length():
    model, batch = make_unet(), make_batch(2)
    first = next(name for name, _ in model.named_parameters())
    model.get_parameter(first).requires_grad_(False)
    assert first not in sum_clipped(model, L1(), [batch], 1.0, 4)[0]


def test_dropout_is_drawn_for_each_slice():
    model = UNet(16, 2, dropout=0.5)  # so wide that not all channels are zeroed both times
    one = make_batch(1)
    twice = one._replace(
        volume=one.volume * 2,
        **{k: torch.cat([t, t]) for k, t in one._asdict().items() if isinstance(t, torch.Tensor)},
    )
    model.train()
    losses = torch.stack([sum_clipped(model, L1(), [twice], ANY, 2)[1] for _ in range(2)])
    assert losses[0] != losses[1]


def test_layers_that_keep_a_batchs_statistics_are_found_by_name():
    assert find_mixing_layer(MoDL(1, 2, 4)) == "denoiser.features.1 is a BatchNorm2d"
    kept = nn.Sequential(nn.Conv2d(1, 1, 1), nn.InstanceNorm2d(1, track_running_stats=True))
    assert find_mixing_layer(kept) == "1 is a InstanceNorm2d"
    assert [find_mixing_layer(make()) for make in MODELS.values()] == [None] * len(MODELS)


def test_a_model_that_cannot_be_mapped_is_told_the_way_out():
    class Asking(UNet):
        def forward(self, batch):
            assert bool(batch.image.sum() != 0)  # data-dependent: no function of many at once
            return super().forward(batch)

    model, batch = Asking(2, 2), make_batch(2)
    with pytest.raises(FlmrcmError, match=r"use privacy\.chunk=1"):
        sum_clipped(model, L1(), [batch], 1.0, 2)
    sum_clipped(model, L1(), [batch], 1.0, 1)


def test_cascades_that_are_computed_again_go_one_by_one():
    torch.manual_seed(0)
    model, batch = VarNet(1, 2, 2, 2, 2), make_kspace_batch(2, (16, 16), 2)
    want = flatten(model, sum_clipped(model, L1(), [batch], 1.0, 2)[0])
    model.checkpoint_cascades = True
    with pytest.raises(FlmrcmError, match=r"use privacy\.chunk=1"):
        sum_clipped(model, L1(), [batch], 1.0, 2)
    found = flatten(model, sum_clipped(model, L1(), [batch], 1.0, 1)[0])
    assert torch.allclose(found, want, atol=1e-6)


def test_a_loss_divides_a_batch_before_its_slices_are_alone():
    model, batch = VarNet(1, 2, 2, 2, 2), make_kspace_batch(3, (16, 16), 2)
    batch = batch._replace(seeds=[1, 2, 3])
    one, many = (flatten(model, sum_clipped(model, SSDU(), [batch], ANY, n)[0]) for n in (1, 4))
    assert one.any()
    assert torch.allclose(one, many, atol=1e-5)


@pytest.mark.parametrize("chunk", [1, 4])
def test_a_step_is_that_of_opacus(chunk):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        optimizers = pytest.importorskip("opacus.optimizers")
        grad_sample = pytest.importorskip("opacus.grad_sample")
        torch.manual_seed(0)
        model, batch, clip = UNet(2, 2), make_batch(4, seed=2), 0.5
        sums, _ = sum_clipped(model, L2(), [batch], clip, chunk)
        wrapped = grad_sample.GradSampleModule(model, loss_reduction="mean")
        optimizer = optimizers.DPOptimizer(
            torch.optim.SGD(wrapped.parameters(), lr=1.0),
            noise_multiplier=0.0,
            max_grad_norm=clip,
            expected_batch_size=3,
        )
        L2()(wrapped(batch), batch).backward()
        assert optimizer.pre_step()
    theirs = torch.cat([p.grad.flatten() for p in model.parameters()])
    norms = torch.stack([p.grad_sample.flatten(1).norm(dim=1) for p in model.parameters()])
    assert (norms.norm(dim=0) > clip).any()  # or nothing was compared
    assert torch.allclose(flatten(model, sums) / 3, theirs, atol=1e-6)
