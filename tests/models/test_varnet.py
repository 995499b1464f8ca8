"""E2E-VarNet is fastMRI's, number for number and name for name."""

from pathlib import Path

import pytest
import torch
from kits.factories import make_kspace_batch
from torch import Tensor, nn
from torch.testing import assert_close

from flmrcm.config.learner import load_weights
from flmrcm.models.varnet import VarNet
from flmrcm.mri.normalisation import denormalise
from flmrcm.types import Batch

fastmri_imports = pytest.mark.filterwarnings("ignore")
SMALL = {"cascades": 2, "channels": 4, "pools": 2, "sens_channels": 2, "sens_pools": 3}


def fastmri_varnet() -> nn.Module:
    fastmri = pytest.importorskip("fastmri.models.varnet")
    return fastmri.VarNet(2, sens_chans=2, sens_pools=3, chans=4, pools=2).double().eval()


def reconstruct_by_fastmri(net: nn.Module, batch: Batch) -> Tensor:
    """One slice at a time: with counts, its own batches of more than one raise."""
    assert batch.kspace is not None
    assert batch.center is not None
    images = [
        net(torch.view_as_real(k[None]), m[None, ..., None], int(n))
        for k, m, n in zip(batch.kspace, batch.mask, batch.center[:, 1], strict=True)
    ]
    return torch.cat(images)


def to_double(batch: Batch) -> Batch:
    """In float32 a network that has learnt nothing may amplify rounding to 1e-4."""
    values = batch._asdict()
    for name, value in values.items():
        if isinstance(value, Tensor) and value.dtype in (torch.float32, torch.complex64):
            values[name] = value.to(torch.complex128 if value.is_complex() else torch.float64)
    return Batch(**values)


def reconstruct(net: nn.Module, batch: Batch) -> Tensor:
    return denormalise(net(batch).image, batch.mean, batch.std).squeeze(1)


def test_the_public_size_has_the_public_number_of_parameters() -> None:
    with torch.device("meta"):
        net = VarNet()
    assert sum(p.numel() for p in net.parameters()) == 29_936_966
    assert sum(p.numel() for p in net.sens_net.parameters()) == 484_898
    assert len(net.state_dict()) == 324


@fastmri_imports
def test_weights_are_called_as_in_public_state_dicts() -> None:
    ours, theirs = VarNet(**SMALL), fastmri_varnet()
    assert {k: v.shape for k, v in ours.state_dict().items()} == {
        k: v.shape for k, v in theirs.state_dict().items()
    }
    theirs.load_state_dict(ours.state_dict())


@fastmri_imports
@pytest.mark.parametrize("coils", [1, 8])
@pytest.mark.parametrize("size", [(32, 32), (33, 47), (40, 19)])
@pytest.mark.parametrize("scale", [1.0, 1e-4])
def test_images_are_fastmris(coils: int, size: tuple[int, int], scale: float) -> None:
    theirs, ours = fastmri_varnet(), VarNet(**SMALL).double().eval()
    ours.load_state_dict(theirs.state_dict())
    batch = to_double(make_kspace_batch(3, size, coils, center=6, scale=scale))
    with torch.no_grad():
        expected = reconstruct_by_fastmri(theirs, batch)
        found = reconstruct(ours, batch)
    assert_close(found / scale, expected / scale, atol=1e-8, rtol=1e-8)


@fastmri_imports
def test_gradients_are_fastmris() -> None:
    theirs, ours = fastmri_varnet(), VarNet(**SMALL).double()
    ours.load_state_dict(theirs.state_dict())
    batch = to_double(make_kspace_batch(size=(33, 24), coils=4, center=6))
    (reconstruct(ours, batch) - 1).abs().mean().backward()
    (reconstruct_by_fastmri(theirs, batch) - 1).abs().mean().backward()
    wanted = dict(theirs.named_parameters())
    for name, parameter in ours.named_parameters():
        assert_close(parameter.grad, wanted[name].grad, atol=1e-8, rtol=1e-6)


def test_random_lines_beside_the_centre_do_not_enlarge_it() -> None:
    batch = make_kspace_batch(coils=4, center=4)
    net, wider = VarNet(**SMALL).eval(), batch.mask.clone()
    wider[..., 10] = wider[..., 5] = True  # the centre is 6 … 9
    assert batch.kspace is not None
    again = batch._replace(mask=wider)  # nothing was measured there, so k-space is 0
    maps = [net.find_maps(b.kspace, b) for b in (batch, again) if b.kspace is not None]
    assert torch.equal(*maps)


def test_maps_are_normalised_and_one_coil_s_is_a_phase() -> None:
    for coils in (1, 4):
        batch = make_kspace_batch(coils=coils)
        assert batch.kspace is not None
        maps = VarNet(**SMALL).find_maps(batch.kspace, batch)
        assert_close(maps.abs().square().sum(1), torch.ones(2, 16, 16))


def test_a_network_that_sees_no_coil_gives_no_nan() -> None:
    net, batch = VarNet(**SMALL), make_kspace_batch(coils=4, empty=(0, 1))
    for parameter in net.sens_net.parameters():
        torch.nn.init.zeros_(parameter)
    assert batch.kspace is not None
    assert not net.find_maps(batch.kspace, batch).any()


@pytest.mark.parametrize("prefix", ["", "varnet."])
def test_public_state_dicts_and_lightnings_load(tmp_path: Path, prefix: str) -> None:
    one, other, path = VarNet(**SMALL), VarNet(**SMALL), tmp_path / "varnet.pt"
    named = {f"{prefix}{name}": tensor for name, tensor in one.state_dict().items()}
    # the Lightning module's loss has a window of its own
    lightning = {"state_dict": {**named, "loss.w": torch.ones(1, 1, 7, 7)}}
    torch.save(lightning if prefix else named, path)
    load_weights(other, path)
    assert all(torch.equal(v, one.state_dict()[k]) for k, v in other.state_dict().items())


def test_given_the_maps_of_its_own_network_it_gives_the_same_image() -> None:
    net, batch = VarNet(2, 2, 2, 2, 2).eval(), make_kspace_batch(coils=3)
    given = batch._replace(maps=net._read(batch)[0].maps.detach())
    assert torch.equal(net(given).image, net(batch).image)
    other = batch._replace(maps=batch.kspace)
    assert not torch.equal(net(other).image, net(batch).image)
    net(given).image.sum().backward()
    learns = {name for name, p in net.named_parameters() if p.grad is not None}
    assert learns
    assert learns == {n for n, _ in net.named_parameters() if not n.startswith("sens_net.")}
