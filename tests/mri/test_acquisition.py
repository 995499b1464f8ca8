"""Forward and adjoint are one object, whatever the mask's shape and with coil maps or without."""

from itertools import product

import pytest
import torch
from kits.factories import scanned
from torch import Tensor
from torch.testing import assert_close

from flmrcm.mri.acquisition import Cartesian, center_crop, stack_masks
from flmrcm.mri.coils import make_birdcage_maps, rss

CPU, SIZE, BATCH, COILS = torch.device("cpu"), (10, 7), 2, 3


def draw(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.complex128, generator=generator)


def make(kind: str, maps: bool) -> Cartesian:
    """An acquisition whose mask has columns only, both axes, or both axes for each slice."""
    shape = {"columns": (1, 1, 1, SIZE[1]), "plane": (1, 1, *SIZE), "each": (BATCH, 1, *SIZE)}
    mask = torch.rand(shape[kind], generator=torch.Generator().manual_seed(1)) < 0.5
    return Cartesian(mask, draw(BATCH, COILS, *SIZE, seed=2) if maps else None)


everywhere = pytest.mark.parametrize(
    ("kind", "maps"), list(product(["columns", "plane", "each"], [True, False]))
)


def image_of(maps: bool) -> Tensor:
    return draw(BATCH, *SIZE, seed=3) if maps else draw(BATCH, COILS, *SIZE, seed=3)


@everywhere
def test_forward_and_adjoint_are_adjoint(kind: str, maps: bool) -> None:
    acquisition, x, y = make(kind, maps), image_of(maps), draw(BATCH, COILS, *SIZE, seed=4)
    one = torch.vdot(acquisition.forward(x).flatten(), y.flatten())
    other = torch.vdot(x.flatten(), acquisition.adjoint(y).flatten())
    assert_close(one, other)


@everywhere
def test_the_normal_operator_is_the_adjoint_of_the_forward(kind: str, maps: bool) -> None:
    acquisition, x = make(kind, maps), image_of(maps)
    columns = torch.eye(x[0].numel(), dtype=x.dtype).view(-1, *x.shape[1:])
    one = Cartesian(
        acquisition.mask[:1], None if acquisition.maps is None else acquisition.maps[:1]
    )
    dense = torch.stack([one.forward(column[None]).flatten() for column in columns], 1)
    expected = (dense.mH @ dense @ x[0].flatten()).view(x[0].shape)
    assert_close(one.normal(x[:1])[0], expected)


@everywhere
def test_what_is_not_measured_is_zero_and_counts_for_nothing(kind: str, maps: bool) -> None:
    acquisition, kspace = make(kind, maps), draw(BATCH, COILS, *SIZE)
    unmeasured = ~acquisition.mask.expand(kspace.shape)
    assert not acquisition.forward(image_of(maps))[unmeasured].any()
    changed = torch.where(unmeasured, kspace + 99, kspace)
    assert_close(acquisition.adjoint(changed), acquisition.adjoint(kspace))
    assert not torch.allclose(acquisition.adjoint(kspace + 1), acquisition.adjoint(kspace))


@pytest.mark.parametrize("coils", [1, 3])
def test_the_magnitude_of_fully_sampled_kspace_is_its_image(coils: int) -> None:
    kspace, image = scanned(2, (16, 12), coils)
    everything = Cartesian(torch.ones(1, 1, 1, 12, dtype=torch.bool))
    found = everything.reconstruct_magnitude(torch.from_numpy(kspace).view(2, coils, 16, 12))
    assert_close(found, torch.from_numpy(image))


def test_coils_with_true_maps_give_the_same_magnitude_as_their_root_sum_of_squares() -> None:
    kspace, image = scanned(2, (16, 12), coils=3)
    batched = torch.from_numpy(kspace).view(2, 3, 16, 12)
    maps = make_birdcage_maps(3, 16, 12).expand(2, -1, -1, -1)
    everything = Cartesian(torch.ones(1, 1, 1, 12, dtype=torch.bool), maps)
    assert_close(everything.reconstruct_magnitude(batched), torch.from_numpy(image))
    assert_close(rss(everything.forward(everything.adjoint(batched))), rss(batched))


def test_one_coil_is_many_coils_with_a_map_of_ones() -> None:
    x, mask = draw(BATCH, *SIZE), make("each", maps=False).mask
    ones = torch.ones(BATCH, 1, *SIZE, dtype=x.dtype)
    assert_close(Cartesian(mask, ones).forward(x), Cartesian(mask).forward(x.unsqueeze(1)))


def test_gradients_flow_through_both_ways() -> None:
    acquisition, x = make("columns", maps=True), image_of(maps=True).requires_grad_()
    acquisition.normal(x).abs().sum().backward()
    assert x.grad is not None
    assert x.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("size", "first"), [((4, 4), (1, 2)), ((5, 7), (0, 1)), ((6, 9), (0, 0)), ((1, 1), (2, 4))]
)
def test_a_crop_is_central_as_fastmri_cuts_it(
    size: tuple[int, int], first: tuple[int, int]
) -> None:
    image = torch.arange(54).view(1, 6, 9)
    found = center_crop(image, *size)
    assert found.shape == (1, *size)
    assert found[0, 0, 0] == image[0, first[0], first[1]]


@pytest.mark.filterwarnings("ignore")  # fastMRI's own imports
@pytest.mark.parametrize("size", [(4, 4), (5, 7), (6, 9), (1, 2)])
def test_the_crop_is_fastmris(size: tuple[int, int]) -> None:
    transforms = pytest.importorskip("fastmri.data.transforms")
    image = torch.arange(108).view(2, 6, 9)
    assert torch.equal(center_crop(image, *size), transforms.center_crop(image, size))


def test_masks_are_stacked_along_the_batch() -> None:
    rows = [torch.tensor([[True, False, True]]), torch.tensor([[False, False, True]])]
    mask = stack_masks(rows, CPU)
    assert mask.shape == (2, 1, 1, 3)
    assert mask[1, 0, 0].tolist() == [False, False, True]
