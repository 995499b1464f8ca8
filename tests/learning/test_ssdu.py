"""Laws of training without targets: what is hidden, from whom, and what is compared."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from kits.factories import make_kspace_batch
from torch import Tensor

from flmrcm.errors import ConfigErrors
from flmrcm.learning.losses import L1
from flmrcm.learning.module import ReconModule
from flmrcm.learning.ssdu import SSDU
from flmrcm.models.cascade import Cascade
from flmrcm.models.modl import MoDL
from flmrcm.models.unet_complex import ComplexUNet
from flmrcm.models.unrolled import Unrolled
from flmrcm.models.varnet import VarNet
from flmrcm.mri.acquisition import Cartesian, center_crop
from flmrcm.mri.masks import Gaussian2D
from flmrcm.mri.normalisation import normalise
from flmrcm.seeding import seeded
from flmrcm.types import Batch, Reconstruction

MODELS: dict[str, Callable[[], Unrolled]] = {
    "unet_complex": partial(ComplexUNet, 2, 2),
    "without_consistency": partial(ComplexUNet, 2, 2, consistency="none"),
    "cascade": partial(Cascade, 2, 3, 4),
    "varnet": partial(VarNet, 2, 2, 2, 2, 2),
    "modl": partial(MoDL, 2, 3, 4, cg_steps=3),
}
every = pytest.mark.parametrize("name", MODELS)
coils = pytest.mark.parametrize("coils", [1, 4])
COLUMNS = torch.arange(20).remainder(3).eq(0).expand(24, 20).clone()
COLUMNS[:, 8:12] = True
PLANE = Gaussian2D((3,), (0.1,))((24, 21), seed=0).mask


def make_training_batch(coils: int = 1, **options: object) -> Batch:
    return make_kspace_batch(coils=coils, size=(24, 20), **options)._replace(seeds=[5, 6])


def make_model(name: str) -> Unrolled:
    with seeded("ssdu"):
        return MODELS[name]()


def everything(batch: Batch) -> list[Tensor]:
    """Return all tensors of a batch but its target."""
    return [x for x in batch._replace(target=batch.mask) if isinstance(x, Tensor)]


@pytest.mark.parametrize("measured", [COLUMNS, PLANE], ids=["columns", "plane"])
@pytest.mark.parametrize("choice", SSDU.CHOICES)
@pytest.mark.parametrize("share", [0.1, 0.4, 0.7])
def test_a_part_as_large_as_asked_is_hidden_of_what_was_measured_but_its_middle(
    measured: Tensor, choice: str, share: float
) -> None:
    hidden = SSDU(share, 4, choice).draw(measured, seed=3)
    assert hidden.sum() == round(share * int(measured.sum()))
    assert not (hidden & ~measured).any()
    middle = [slice((n - 3) // 2, (n - 3) // 2 + 4) for n in measured.shape]
    assert middle[0].start <= measured.shape[0] // 2 < middle[0].stop
    assert not hidden[tuple(middle)].any()


def test_of_a_small_mask_no_more_is_hidden_than_is_free() -> None:
    measured = torch.zeros(8, 8, dtype=torch.bool)
    measured[2:6, 2:6] = measured[0, 0] = True
    assert SSDU(0.9, 4).draw(measured, 0).nonzero().tolist() == [[0, 0]]


def test_the_published_density_prefers_the_middle_by_as_much_as_it_says() -> None:
    whole = torch.ones(32, 32) > 0
    counts = sum(SSDU(0.05, 1).draw(whole, i).float() for i in range(400))
    rows = torch.arange(32).float() - 16
    radius = (rows[:, None] ** 2 + rows**2).sqrt()
    inside, outside = counts[(radius < 4) & (radius > 0)].mean(), counts[radius > 16].mean()
    # of draws without replacement so few that they hardly take anything away from each other
    density = torch.exp(-(radius**2) / 2 / (32 / 4) ** 2)
    expected = density[(radius < 4) & (radius > 0)].mean() / density[radius > 16].mean()
    assert float(inside / outside) == pytest.approx(float(expected), rel=0.15)
    even = sum(SSDU(0.05, 1, "uniform").draw(whole, i) for i in range(400))
    assert float(even[radius < 8].float().mean() / even.float().mean()) == pytest.approx(1, abs=0.1)


@coils
def test_both_parts_make_the_whole_and_share_nothing(coils: int) -> None:
    batch = make_training_batch(coils)
    seen, goal = SSDU().divide(batch)
    assert torch.equal(seen.mask | goal.mask, batch.mask.expand(-1, -1, 24, 20))
    assert not (seen.mask & goal.mask).any()
    assert torch.equal(seen.kspace + goal.kspace, batch.kspace)
    assert torch.equal(seen.kspace * goal.mask, torch.zeros_like(seen.kspace))


def test_a_draw_has_an_address() -> None:
    batch = make_training_batch()
    one, again, other = (
        SSDU().divide(batch._replace(seeds=seeds))[1].mask for seeds in ([5, 6], [5, 7], [6, 5])
    )
    assert torch.equal(one[0], again[0])
    assert not torch.equal(one[1], again[1])
    assert not torch.equal(one[0], one[1])
    assert not torch.equal(one[0], other[0])


@coils
def test_what_the_network_sees_is_as_if_no_more_had_been_measured(coils: int) -> None:
    batch = make_training_batch(coils)
    seen, goal = SSDU().divide(batch)
    magnitude = Cartesian(seen.mask).reconstruct_magnitude(batch.kspace)
    magnitude = center_crop(magnitude, *batch.image.shape[-2:])
    mean, std = magnitude.mean((1, 2)), magnitude.std((1, 2))
    expected = normalise(magnitude, mean, std).clamp(-6, 6).unsqueeze(1)
    for part in (seen, goal):
        assert torch.equal(part.image, expected)
        assert torch.equal(part.mean, mean)
        assert torch.equal(part.std, std)


def test_maps_that_come_with_the_batch_are_kept_as_in_the_paper() -> None:
    maps = torch.ones(2, 4, 24, 20, dtype=torch.complex64)
    seen, _ = SSDU().divide(make_training_batch(4)._replace(maps=maps))
    assert seen.maps is maps


@every
@coils
def test_what_is_hidden_changes_the_loss_and_nothing_else(name: str, coils: int) -> None:
    batch, loss, net = make_training_batch(coils), SSDU(), make_model(name).eval()
    seen, goal = loss.divide(batch)
    changed = batch._replace(kspace=torch.where(goal.mask, 1 - 2 * batch.kspace, batch.kspace))
    seen_then, goal_then = loss.divide(changed)
    for now, then in zip(everything(seen), everything(seen_then), strict=True):
        assert torch.equal(now, then)
    with torch.no_grad():
        found, found_then = net(seen), net(seen_then)
    assert torch.equal(found.image, found_then.image)
    assert torch.equal(found.latent, found_then.latent)
    assert loss(found, goal) != loss(found, goal_then)


@every
@coils
def test_no_target_is_read_and_every_weight_learns(name: str, coils: int) -> None:
    batch = make_training_batch(coils)
    gradients: list[dict[str, Tensor]] = []
    for target in (batch.target, torch.full_like(batch.target, torch.nan)):
        module = ReconModule(make_model(name), torch.optim.SGD, SSDU())
        module.training_step(batch._replace(target=target))["loss"].backward()
        gradients.append({k: p.grad for k, p in module.named_parameters() if p.grad is not None})
    assert gradients[0].keys() == gradients[1].keys() == dict(module.named_parameters()).keys()
    assert all(torch.equal(gradients[0][key], gradients[1][key]) for key in gradients[0])
    assert all(gradient.isfinite().all() for gradient in gradients[0].values())
    # the first step of data consistency has nothing to do, the last does nothing to hidden samples
    steps = {key for key, gradient in gradients[0].items() if not gradient.any()}
    assert all(key.endswith("dc_weight") for key in steps)


def test_the_loss_is_the_mean_of_both_relative_norms() -> None:
    batch = make_training_batch(coils=3, scale=7.0)
    _, goal = SSDU().divide(batch)
    rng = torch.Generator().manual_seed(0)
    guess = torch.randn(batch.kspace.shape, dtype=torch.complex64, generator=rng)
    expected: list[float] = []
    for i in range(2):
        hidden = goal.mask[i].expand_as(batch.kspace[i]).numpy()
        u = batch.kspace[i].numpy()[hidden].astype(complex) / float(goal.std[i])
        v = guess[i].numpy()[hidden]
        ones, twos = (np.linalg.norm(u - v, k) / np.linalg.norm(u, k) for k in (1, 2))
        expected.append((ones + twos) / 2)
    found = SSDU()(Reconstruction(goal.image, kspace=guess), goal)
    assert found.item() == pytest.approx(np.mean(expected), rel=1e-5)
    truth = batch.kspace / goal.std.view(-1, 1, 1, 1)
    assert SSDU()(Reconstruction(goal.image, kspace=truth), goal) == pytest.approx(0, abs=1e-6)


def test_a_slice_without_signal_costs_nothing_and_spoils_no_gradient() -> None:
    batch = make_training_batch(empty=(1,))
    module = ReconModule(make_model("cascade"), torch.optim.SGD, SSDU())
    loss = module.training_step(batch)["loss"]
    loss.backward()
    assert 0 < loss < 2
    assert all(p.grad.isfinite().all() for p in module.parameters())


@every
def test_the_loss_is_float32_under_autocast(name: str) -> None:
    module = ReconModule(make_model(name), torch.optim.SGD, SSDU())
    with torch.autocast("cpu", torch.bfloat16):
        loss = module.training_step(make_training_batch(4))["loss"]
    assert loss.dtype == torch.float32


def test_a_loss_on_images_hides_nothing() -> None:
    batch = make_training_batch()
    assert all(part is batch for part in L1().divide(batch))


def test_an_evaluation_batch_is_not_divided() -> None:
    with pytest.raises(TypeError, match="training batches alone"):
        SSDU().divide(make_training_batch()._replace(seeds=None))


@pytest.mark.parametrize(
    ("argument", "line"),
    [
        ({"share": 1.0}, "loss.share: between 0 and 1; got 1.0"),
        ({"share": 0}, "loss.share: between 0 and 1; got 0"),
        ({"center": 0}, "loss.center: at least 1; got 0"),
        ({"choice": "gauss"}, "loss.choice=gauss"),
    ],
)
def test_a_value_outside_its_range_is_refused(argument: dict[str, object], line: str) -> None:
    with pytest.raises(ConfigErrors) as refused:
        SSDU(**argument)
    assert refused.value.problems[0].startswith(line)
