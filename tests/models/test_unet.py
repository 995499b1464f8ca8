"""fastMRI's U-Net, name for name and bit for bit."""

import pytest
import torch
from kits.factories import make_batch, make_unet
from torch import Tensor, nn
from torch.testing import assert_close

from flmrcm.errors import ConfigErrors
from flmrcm.models.backbone import pool_latent
from flmrcm.models.unet import UNet

fastmri_imports = pytest.mark.filterwarnings("ignore")


def fastmri_unet(channels: int, pools: int) -> nn.Module:
    return pytest.importorskip("fastmri.models.unet").Unet(1, 1, channels, pools)


def test_the_published_size_has_the_published_number_of_parameters() -> None:
    net = UNet(channels=32, pools=4)
    assert sum(p.numel() for p in net.parameters()) == 7_756_097
    assert net.latent_size == 2048


def test_parameters_are_called_as_in_the_published_checkpoints() -> None:
    assert list(make_unet(channels=4, pools=2).state_dict()) == [
        "down_sample_layers.0.layers.0.weight",
        "down_sample_layers.0.layers.4.weight",
        "down_sample_layers.1.layers.0.weight",
        "down_sample_layers.1.layers.4.weight",
        "conv.layers.0.weight",
        "conv.layers.4.weight",
        "up_transpose_conv.0.layers.0.weight",
        "up_transpose_conv.1.layers.0.weight",
        "up_conv.0.layers.0.weight",
        "up_conv.0.layers.4.weight",
        "up_conv.1.0.layers.0.weight",
        "up_conv.1.0.layers.4.weight",
        "up_conv.1.1.weight",
        "up_conv.1.1.bias",
    ]


@fastmri_imports
@pytest.mark.parametrize(("channels", "pools"), [(4, 1), (4, 3), (32, 4)])
def test_weights_load_both_ways(channels: int, pools: int) -> None:
    ours, theirs = UNet(channels, pools), fastmri_unet(channels, pools)
    assert {k: v.shape for k, v in ours.state_dict().items()} == {
        k: v.shape for k, v in theirs.state_dict().items()
    }
    ours.load_state_dict(theirs.state_dict())
    theirs.load_state_dict(UNet(channels, pools).state_dict())


@fastmri_imports
@pytest.mark.parametrize("size", [(32, 32), (40, 24), (33, 47), (19, 17)])
def test_images_are_fastmris(size: tuple[int, int]) -> None:
    theirs, ours = fastmri_unet(4, 3).eval(), UNet(4, 3).eval()
    ours.load_state_dict(theirs.state_dict())
    batch = make_batch(size=size)
    with torch.no_grad():
        assert_close(ours(batch).image, theirs(batch.image), atol=1e-6, rtol=1e-6)


@fastmri_imports
def test_gradients_are_fastmris() -> None:
    theirs, ours = fastmri_unet(4, 2), UNet(4, 2)
    ours.load_state_dict(theirs.state_dict())
    batch = make_batch()
    ours(batch).image.abs().mean().backward()
    theirs(batch.image).abs().mean().backward()
    wanted = dict(theirs.named_parameters())
    for name, parameter in ours.named_parameters():
        assert_close(parameter.grad, wanted[name].grad, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("size", [(16, 16), (17, 16), (13, 21), (4, 9)])
def test_the_image_keeps_its_size_odd_or_even(size: tuple[int, int]) -> None:
    net, batch = make_unet(), make_batch(size=size)
    image, latent, _ = net(batch)
    assert image.shape == batch.image.shape
    assert latent.shape == (2, net.latent_size) == (2, 4 * 2 * 2**2)


def test_the_latent_is_the_bottleneck_pooled_to_two_by_two() -> None:
    net, caught = make_unet(), list[Tensor]()
    net.conv.register_forward_hook(lambda _module, _inputs, output: caught.append(output))
    latent = net(make_batch(size=(32, 32))).latent
    (bottleneck,) = caught
    assert bottleneck.shape == (2, 8, 8, 8)
    assert_close(latent.view(2, 8, 2, 2)[0, 5, 0, 1], bottleneck[0, 5, :4, 4:].mean())
    assert torch.equal(latent, pool_latent(bottleneck))


@pytest.mark.parametrize("size", [(16, 16), (13, 21)])
def test_encode_gives_the_latent_of_forward(size: tuple[int, int]) -> None:
    net, batch = make_unet(), make_batch(size=size)
    assert torch.equal(net.encode(batch), net(batch).latent)


def test_encode_does_not_run_the_decoder() -> None:
    net, ran = make_unet(), list[str]()
    for name in ("up_conv", "up_transpose_conv", "conv"):
        for module in getattr(net, name).modules():
            module.register_forward_hook(lambda *_, name=name: ran.append(name))
    net.encode(make_batch())
    assert set(ran) == {"conv"}


def test_encode_gives_gradients_to_the_encoder_only() -> None:
    net = make_unet()
    net.encode(make_batch()).square().sum().backward()
    for name, parameter in net.named_parameters():
        assert (parameter.grad is None) == name.startswith("up_")


def test_dropout_works_in_training_only() -> None:
    # so wide that not all channels are zeroed both times
    net, batch = UNet(16, 2, dropout=0.5), make_batch()
    assert not torch.equal(net(batch).image, net(batch).image)
    net.eval()
    assert torch.equal(net(batch).image, net(batch).image)


@pytest.mark.parametrize(("size", "fits"), [((8, 4), True), ((4, 4), False), ((64, 3), False)])
def test_sizes_too_small_for_the_pools_are_named(size: tuple[int, int], fits: bool) -> None:
    net = make_unet(pools=2)
    problem = net.find_size_problem(*size)
    assert (problem is None) == fits
    if problem:
        assert f"model.pools=2 is too deep for {size[0]}×{size[1]} images" in problem


def test_a_size_without_problem_can_be_trained_on() -> None:
    net = make_unet(pools=3)
    assert net.find_size_problem(16, 8) is None
    net(make_batch(size=(16, 8))).image.sum().backward()


@pytest.mark.parametrize(
    ("options", "key"), [({"channels": 0}, "channels"), ({"pools": 0}, "pools")]
)
def test_values_outside_their_range_are_refused(options: dict[str, int], key: str) -> None:
    with pytest.raises(ConfigErrors, match=rf"model\.{key}: at least 1; got 0"):
        UNet(**options)


@pytest.mark.parametrize("dropout", [-0.1, 1.0])
def test_dropout_is_a_probability(dropout: float) -> None:
    with pytest.raises(ConfigErrors, match=r"model\.dropout: in \[0, 1\)"):
        UNet(dropout=dropout)
