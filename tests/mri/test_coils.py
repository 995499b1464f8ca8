"""Laws of the receiver coils."""

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from flmrcm.mri.coils import expand_coils, make_birdcage_maps, reduce_coils, rss

shapes = pytest.mark.parametrize(("coils", "height", "width"), [(1, 8, 8), (4, 16, 12), (7, 9, 15)])


@pytest.fixture
def image() -> Tensor:
    rng = torch.Generator().manual_seed(0)
    return torch.randn(3, 16, 12, dtype=torch.complex64, generator=rng)


@shapes
def test_maps_are_normalised_at_every_pixel(coils: int, height: int, width: int) -> None:
    maps = make_birdcage_maps(coils, height, width)
    assert maps.shape == (coils, height, width)
    assert maps.dtype == torch.complex64
    assert_close(maps.abs().square().sum(0), torch.ones(height, width))


def test_each_coil_sees_its_own_side_best() -> None:
    maps = make_birdcage_maps(4, 33, 33).abs()
    sides = [(16, 32), (32, 16), (16, 0), (0, 16)]  # row, column: coils sit at 0°, 90°, ...
    for coil, (row, column) in enumerate(sides):
        assert maps[:, row, column].argmax() == coil


def test_reduce_undoes_expand(image: Tensor) -> None:
    maps = make_birdcage_maps(5, 16, 12)
    assert expand_coils(image, maps).shape == (3, 5, 16, 12)
    assert_close(reduce_coils(expand_coils(image, maps), maps), image)


def test_the_root_sum_of_squares_of_the_expanded_is_the_magnitude(image: Tensor) -> None:
    assert_close(rss(expand_coils(image, make_birdcage_maps(5, 16, 12))), image.abs())


def test_rss_of_one_coil_is_its_magnitude(image: Tensor) -> None:
    assert_close(rss(image.unsqueeze(1)), image.abs())


def test_rss_sums_over_the_axis_named() -> None:
    images = torch.tensor([[[3.0, 0.0]], [[4.0, 2.0]]])
    assert_close(rss(images, dim=0), torch.tensor([[5.0, 2.0]]))
