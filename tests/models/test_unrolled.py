"""What all networks on k-space owe: scale, crop, masks, zero slices, a latent of the input."""

import re
from collections.abc import Callable, Iterator
from functools import partial

import pytest
import torch
from kits.factories import make_kspace_batch
from torch import Tensor
from torch.testing import assert_close

from flmrcm.errors import ConfigErrors
from flmrcm.learning.losses import L1
from flmrcm.models.cascade import Cascade
from flmrcm.models.modl import MoDL
from flmrcm.models.unet_complex import ComplexUNet
from flmrcm.models.unrolled import Cascaded, Unrolled
from flmrcm.models.varnet import VarNet
from flmrcm.mri.acquisition import center_crop, keep_center
from flmrcm.mri.coils import make_birdcage_maps
from flmrcm.mri.fourier import fft2c
from flmrcm.mri.normalisation import denormalise
from flmrcm.seeding import seeded
from flmrcm.types import Batch

Make = Callable[[], Unrolled]
MODELS: dict[str, Make] = {
    "unet_complex": partial(ComplexUNet, 2, 2),
    "without_consistency": partial(ComplexUNet, 2, 2, consistency="none"),
    "cascade": partial(Cascade, 2, 3, 4),
    "varnet": partial(VarNet, 2, 2, 2, 2, 2),
    "modl": partial(MoDL, 2, 3, 4, cg_steps=3),
}
HARD = ("unet_complex", "cascade")
every = pytest.mark.parametrize("name", MODELS)
coils = pytest.mark.parametrize("coils", [1, 4])


@pytest.fixture(autouse=True)
def same_weights() -> Iterator[None]:
    with seeded("unrolled"):
        yield


def run(net: Unrolled, batch: object) -> Tensor:
    with torch.no_grad():
        return net(batch).image


@every
@coils
@pytest.mark.parametrize("size", [(16, 16), (17, 21), (24, 33)])
def test_the_image_has_the_batch_s_size_odd_or_even(
    name: str, coils: int, size: tuple[int, int]
) -> None:
    batch = make_kspace_batch(size=size, coils=coils)
    image, latent, kspace = MODELS[name]()(batch)
    assert kspace.shape == batch.kspace.shape
    assert image.shape == batch.image.shape == (2, 1, *size)
    assert latent.shape == (2, MODELS[name]().latent_size)
    assert image.dtype == latent.dtype == torch.float32


@every
@coils
def test_the_image_scales_with_the_data(name: str, coils: int) -> None:
    net = MODELS[name]().eval()
    one, tiny = (make_kspace_batch(coils=coils, scale=scale) for scale in (1.0, 1e-5))
    assert_close(run(net, one), run(net, tiny), atol=1e-4, rtol=1e-4)


@every
def test_kspace_is_reconstructed_whole_and_cropped_last(name: str) -> None:
    net, whole = MODELS[name]().eval(), make_kspace_batch(size=(20, 24))
    cropped = whole._replace(image=center_crop(whole.image, 10, 15))
    assert torch.equal(run(net, cropped), center_crop(run(net, whole), 10, 15))


@every
@coils
def test_a_slice_knows_nothing_of_its_batch_and_centres_may_differ(name: str, coils: int) -> None:
    net = MODELS[name]().eval()
    alone = [make_kspace_batch(1, coils=coils, seed=i, center=c) for i, c in ((1, 4), (2, 7))]
    fields = [f for f, x in alone[0]._asdict().items() if isinstance(x, Tensor)]
    both = alone[0]._replace(
        **{f: torch.cat([getattr(b, f) for b in alone]) for f in fields}, volume=["a", "b"]
    )
    expected = torch.cat([run(net, batch) for batch in alone])
    assert_close(run(net, both), expected, atol=1e-4, rtol=1e-4)


@every
@coils
def test_an_all_zero_slice_gives_finite_images_and_gradients(name: str, coils: int) -> None:
    batch, net = make_kspace_batch(coils=coils, empty=(1,)), MODELS[name]()
    found = net(batch)
    (L1()(found, batch) + found.latent.sum()).backward()
    assert found.image.isfinite().all()
    for key, parameter in net.named_parameters():
        assert parameter.grad is None or parameter.grad.isfinite().all(), key


@every
@coils
def test_everything_measured_is_reconstructed_as_it_is(name: str, coils: int) -> None:
    batch = make_kspace_batch(coils=coils, acceleration=1)
    image = run(MODELS[name]().eval(), batch)
    assert image.isfinite().all()
    if name in HARD:
        assert_close(image, batch.target, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", HARD)
def test_an_image_holds_at_least_the_energy_that_was_measured(name: str) -> None:
    batch = make_kspace_batch()
    assert batch.kspace is not None
    image = denormalise(run(MODELS[name]().eval(), batch), batch.mean, batch.std)
    found, measured = (x.abs().square().sum((1, 2, 3)) for x in (image, batch.kspace))
    assert (found >= 0.9999 * measured).all()


@every
@coils
def test_encode_gives_the_latent_of_forward_from_the_first_network_alone(
    name: str, coils: int
) -> None:
    batch, net, ran = make_kspace_batch(coils=coils), MODELS[name]().eval(), list[str]()
    for key, module in net.named_modules():
        module.register_forward_hook(lambda *_, key=key: ran.append(key))
    latent = net.encode(batch)
    later = [key for key in ran if re.search(r"^cascades\.1|^(?!sens_net).*(up_|last)", key)]
    assert not later
    assert torch.equal(latent, net(batch).latent)


@every
def test_the_latent_gives_gradients_to_the_first_network(name: str) -> None:
    net = MODELS[name]()
    net(make_kspace_batch()).latent.square().sum().backward()
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())


@every
def test_half_precision_computes_consistency_in_float32(name: str) -> None:
    batch, net = make_kspace_batch(coils=4), MODELS[name]().eval()
    with torch.autocast("cpu", torch.bfloat16):
        half = run(net, batch)
    assert half.dtype == torch.float32
    assert (half - run(net, batch)).abs().mean() < 0.1


@pytest.mark.parametrize("name", ["cascade", "varnet"])
def test_activations_computed_again_are_the_same(name: str) -> None:
    net, batch, found = MODELS[name](), make_kspace_batch(coils=4), list[list[Tensor]]()
    assert isinstance(net, Cascaded)
    for again in (False, True):
        net.zero_grad()
        net.checkpoint_cascades = again
        image = net(batch).image
        image.square().mean().backward()
        gradients = [p.grad.clone() for p in net.parameters() if p.grad is not None]
        found.append([image.detach(), *gradients])
    assert all(torch.equal(one, two) for one, two in zip(*found, strict=True))


@pytest.mark.parametrize("make", [lambda n: Cascade(n, 3, 16), lambda n: VarNet(n, 8, 2, 2, 2)])
def test_memory_for_the_backward_pass_hardly_grows_with_cascades(
    make: Callable[[int], Cascaded],
) -> None:
    def count_kept(cascades: int, again: bool) -> int:
        net, kept = make(cascades), dict[int, int]()
        net.checkpoint_cascades = again

        def keep(tensor: Tensor) -> Tensor:
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            image = net(make_kspace_batch(size=(32, 32))).image
        assert image.requires_grad
        return sum(kept.values())

    # what remains for each cascade is the k-space that it begins with
    all_kept, few_kept = (count_kept(6, again) - count_kept(2, again) for again in (False, True))
    assert 0 < few_kept < 0.1 * all_kept


@every
def test_without_kspace_one_line_says_what_is_missing(name: str) -> None:
    with pytest.raises(TypeError, match="needs k-space"):
        MODELS[name]()(make_kspace_batch()._replace(kspace=None))


@every
@coils
def test_everything_is_computed_where_the_batch_lies(name: str, coils: int) -> None:
    values = make_kspace_batch(coils=coils)._asdict()
    moved = {k: v.to("meta") if isinstance(v, Tensor) else v for k, v in values.items()}
    assert MODELS[name]().to("meta")(Batch(**moved)).image.device.type == "meta"


@every
def test_planes_of_masks_work(name: str) -> None:
    batch = make_kspace_batch(size=(16, 18))
    plane = torch.rand(2, 1, 16, 18, generator=torch.Generator().manual_seed(1)) < 0.4
    assert batch.kspace is not None
    batch = batch._replace(mask=plane, kspace=fft2c(torch.randn(2, 1, 16, 18) + 0j) * plane)
    assert run(MODELS[name]().eval(), batch).isfinite().all()


@pytest.mark.parametrize("name", ["unet_complex", "cascade", "modl"])
def test_maps_are_the_batch_s_or_else_come_from_the_centre_alone(name: str) -> None:
    net, batch = MODELS[name]().eval(), make_kspace_batch(coils=4)
    assert batch.kspace is not None
    assert batch.center is not None
    inside = keep_center(batch.kspace, batch.center)
    maps = net.find_maps(batch.kspace, batch)
    assert torch.equal(net.find_maps(inside + 3 * (batch.kspace - inside), batch), maps)
    norm = maps.abs().square().sum(1)
    assert_close(norm, torch.ones_like(norm))
    given = make_birdcage_maps(4, 16, 16).expand(2, -1, -1, -1)
    assert torch.equal(net.find_maps(batch.kspace, batch._replace(maps=given)), given)


@pytest.mark.parametrize(
    ("make", "key"),
    [
        (lambda: ComplexUNet(consistency="soft"), "model.consistency=soft: use one of hard, none"),
        (lambda: Cascade(layers=1), "model.layers: at least 2; got 1."),
        (lambda: Cascade(weight=-1), "model.weight: 0 or more"),
        (lambda: VarNet(sens_pools=0), "model.sens_pools: at least 1; got 0."),
        (lambda: MoDL(weight=0), "model.weight: above 0"),
    ],
)
def test_values_outside_their_range_are_refused(make: Make, key: str) -> None:
    with pytest.raises(ConfigErrors, match=key.replace(".", r"\.")):
        make()


@pytest.mark.parametrize("name", ["unet_complex", "varnet"])
@pytest.mark.parametrize(("size", "fits"), [((16, 16), False), ((17, 16), True), ((8, 40), True)])
def test_images_too_small_are_named(name: str, size: tuple[int, int], fits: bool) -> None:
    net = {"unet_complex": ComplexUNet(2, 4), "varnet": VarNet(1, 2, 3, 2, 4)}[name]
    problem = net.find_size_problem(*size)
    assert (problem is None) == fits
    if fits:
        net(make_kspace_batch(size=size))
    else:
        assert "pools=4 is too deep for 16×16 images" in str(problem)
