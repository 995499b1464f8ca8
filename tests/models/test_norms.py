"""Normalisation layers of the models: what each does, what it adds, and what it never counts."""

from collections.abc import Callable, Iterator
from functools import partial

import pytest
import torch
from kits.factories import make_kspace_batch
from torch import Tensor, nn
from torch.testing import assert_close

from flmrcm.errors import ConfigErrors
from flmrcm.learning.losses import L1
from flmrcm.models.modl import MoDL
from flmrcm.models.norms import BATCH, GROUP, INSTANCE, INSTANCE_AFFINE, NORMS, build_norm
from flmrcm.models.reconstructor import HasLatent, Reconstructor
from flmrcm.models.unet import UNet
from flmrcm.models.unet_complex import ComplexUNet
from flmrcm.models.unrolled import Cascaded
from flmrcm.models.varnet import VarNet
from flmrcm.seeding import seeded

MODELS: dict[str, Callable[[str], Reconstructor]] = {
    "unet": lambda norm: UNet(2, 2, norm=norm),
    "unet_complex": lambda norm: ComplexUNet(2, 2, norm=norm),
    "varnet": lambda norm: VarNet(2, 2, 2, 2, 2, norm),
    "modl": lambda norm: MoDL(2, 2, 4, cg_steps=2, norm=norm),
}
TAKEN = [(m, n) for m in MODELS for n in NORMS if (m, n) != ("modl", INSTANCE)]
every = pytest.mark.parametrize(("model", "norm"), TAKEN)


@pytest.fixture(autouse=True)
def same_draws() -> Iterator[None]:
    with seeded("norms"):
        yield


def build(model: str, norm: str) -> Reconstructor:
    with seeded("norms of networks"):
        return MODELS[model](norm)


def statistics(net: nn.Module) -> dict[str, Tensor]:
    return {name: buffer.clone() for name, buffer in net.named_buffers()}


def normalise(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    mean, variance = x.mean(axes, keepdim=True), x.var(axes, correction=0, keepdim=True)
    return (x - mean) / (variance + 1e-5).sqrt()


@pytest.mark.parametrize("norm", NORMS)
def test_each_normalises_what_its_name_says(norm: str) -> None:
    x = 3 + 2 * torch.randn(4, 24, 5, 6)
    layer = build_norm(norm, 24)
    if norm == GROUP:  # three channels each
        expected = normalise(x.view(4, 8, 3, 5, 6), (2, 3, 4)).view(x.shape)
    else:
        expected = normalise(x, (0, 2, 3) if norm == BATCH else (2, 3))
    if norm != INSTANCE:
        nn.init.constant_(layer.weight, 2.0)  # pyright: ignore[reportArgumentType]
        nn.init.constant_(layer.bias, -1.0)  # pyright: ignore[reportArgumentType]
        expected = 2 * expected - 1
    assert_close(layer(x), expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(("channels", "groups"), [(32, 8), (18, 2), (36, 4), (7, 1), (2, 2)])
def test_as_many_of_eight_groups_as_divide_the_channels(channels: int, groups: int) -> None:
    layer = build_norm(GROUP, channels)
    assert isinstance(layer, nn.GroupNorm)
    assert layer.num_groups == groups


@pytest.mark.parametrize("model", ["unet", "unet_complex", "varnet"])
def test_no_norm_changes_the_convolutions_a_run_starts_from(model: str) -> None:
    plain = build(model, INSTANCE).state_dict()
    for norm in NORMS:
        weights = build(model, norm).state_dict()
        assert list(plain) == [name for name in weights if name in plain]
        assert all(torch.equal(weights[name], plain[name]) for name in plain)


@pytest.mark.parametrize("model", ["unet", "unet_complex", "varnet"])
def test_an_affine_instance_norm_starts_as_the_plain_one(model: str) -> None:
    batch = make_kspace_batch(coils=2)
    one, two = (build(model, norm)(batch).image for norm in (INSTANCE, INSTANCE_AFFINE))
    assert_close(one, two)


@every
def test_all_norms_of_a_network_are_of_the_kind_asked_for(model: str, norm: str) -> None:
    kinds = (nn.InstanceNorm2d, nn.GroupNorm, nn.BatchNorm2d)
    layers = [layer for layer in build(model, norm).modules() if isinstance(layer, kinds)]
    assert {type(layer) for layer in layers} == {type(build_norm(norm, 2))}
    assert {len(list(layer.parameters())) for layer in layers} == {0 if norm == INSTANCE else 2}


@every
def test_every_weight_of_a_norm_learns(model: str, norm: str) -> None:
    net, batch = build(model, norm), make_kspace_batch(coils=2)
    L1()(net(batch), batch).backward()
    for name, weight in net.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.isfinite().all(), name


@every
def test_all_zero_slices_give_finite_images_and_statistics(model: str, norm: str) -> None:
    net, batch = build(model, norm), make_kspace_batch(coils=2, empty=(0, 1))
    found = net(batch)
    L1()(found, batch).backward()
    assert found.image.isfinite().all()
    assert net.eval()(batch).image.isfinite().all()
    tensors = [*net.buffers(), *(p.grad for p in net.parameters() if p.grad is not None)]
    assert all(tensor.isfinite().all() for tensor in tensors)


@pytest.mark.parametrize("model", MODELS)
def test_training_counts_and_evaluation_uses_what_was_counted(model: str) -> None:
    net, batch = build(model, BATCH), make_kspace_batch(coils=2)
    before = statistics(net)
    net(batch)
    counted = statistics(net)
    assert all(not torch.equal(counted[name], before[name]) for name in counted)
    image = net.eval()(batch).image
    assert all(torch.equal(buffer, counted[name]) for name, buffer in net.named_buffers())
    net.load_state_dict({**net.state_dict(), **before})
    assert not torch.equal(net(batch).image, image)


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("model", MODELS)
def test_encoding_another_site_s_images_counts_nothing(model: str, train: bool) -> None:
    net, batch = build(model, BATCH).train(train), make_kspace_batch(coils=2)
    net(batch)
    before = statistics(net)
    assert isinstance(net, HasLatent)
    latent = net.encode(batch)
    assert all(torch.equal(buffer, before[name]) for name, buffer in net.named_buffers())
    assert torch.equal(latent, net(batch).latent)  # and is normalised as in a step
    if train:  # which counts again
        assert any(not torch.equal(buffer, before[name]) for name, buffer in net.named_buffers())


@pytest.mark.parametrize("norm", NORMS)
def test_activations_computed_again_are_counted_once(norm: str) -> None:
    batch, found = make_kspace_batch(coils=2), list[list[Tensor]]()
    for again in (False, True):
        net = build("varnet", norm)
        assert isinstance(net, Cascaded)
        net.checkpoint_cascades = again
        net(batch).image.square().mean().backward()
        gradients = [p.grad for p in net.parameters() if p.grad is not None]
        found.append([*gradients, *net.buffers()])
    assert all(torch.equal(one, two) for one, two in zip(*found, strict=True))


REFUSED: list[tuple[Callable[[], object], str]] = [
    *((partial(make, "layer"), "layer: use one of") for make in MODELS.values()),
    (partial(MODELS["modl"], INSTANCE), "instance: use one of instance_affine, group, batch"),
]


@pytest.mark.parametrize(("make", "line"), REFUSED)
def test_a_norm_that_a_model_cannot_take_is_refused(make: Callable[[], object], line: str) -> None:
    with pytest.raises(ConfigErrors, match=rf"^model\.norm={line}"):
        make()
