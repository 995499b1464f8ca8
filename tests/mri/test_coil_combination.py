"""Adaptive combination: laws, and two independent oracles."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy.ndimage import uniform_filter
from torch import Tensor

from flmrcm.mri.coil_combination import combine_adaptively, estimate_coil_maps
from flmrcm.mri.coils import expand_coils, make_birdcage_maps, rss
from flmrcm.mri.fourier import fft2c

N = 48
ROWS, COLUMNS = torch.linspace(-1, 1, N).view(1, -1, 1), torch.linspace(-1, 1, N).view(1, 1, -1)
HEAD = ROWS**2 + COLUMNS**2 < 0.7
IMAGE = HEAD * (1 + 0.5 * torch.sin(9 * ROWS) * torch.cos(7 * COLUMNS)) * torch.exp(1j * ROWS)
MAPS = make_birdcage_maps(6, N, N)


def seen(noise: float = 0.0) -> Tensor:
    """Gives coil images, (1, 6, 48, 48), of a head whose brightness is about 1."""
    generator = torch.Generator().manual_seed(1)
    grain = torch.randn(1, 6, N, N, generator=generator, dtype=torch.complex64)
    return expand_coils(IMAGE, MAPS) + noise * grain


def agreement(maps: Tensor, others: Tensor) -> Tensor:
    """|⟨maps, others⟩| at each pixel of the head; 1 where they're equal up to a phase."""
    return (maps.conj() * others).sum(-3).abs()[..., HEAD[0]]


def test_without_noise_the_image_comes_back() -> None:
    combined = combine_adaptively(seen())
    assert_allclose(combined.abs(), IMAGE.abs(), atol=0.01)
    assert agreement(estimate_coil_maps(seen()), MAPS).min() > 0.99


def test_one_coil_comes_back_as_it_is() -> None:
    image = seen(0.1)[:, :1]
    assert_allclose(combine_adaptively(image), image[:, 0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("noise", [0.0, 0.05, 1.0])
def test_it_is_never_brighter_than_the_root_sum_of_squares(noise: float) -> None:
    images = seen(noise)
    assert (combine_adaptively(images).abs() <= rss(images) * (1 + 1e-5)).all()


def test_where_there_is_only_noise_it_is_darker_than_the_root_sum_of_squares() -> None:
    images, air = seen(0.05), ~HEAD
    assert combine_adaptively(images).abs()[air].mean() < 0.6 * rss(images)[air].mean()


def test_signal_keeps_its_brightness_in_noise() -> None:
    bright = combine_adaptively(seen(0.05)).abs()[HEAD].mean()
    assert_allclose(bright, IMAGE.abs()[HEAD].mean(), rtol=0.01)


def test_a_turn_and_a_gain_of_all_coils_pass_through() -> None:
    images = seen(0.05)
    turned = combine_adaptively(images * 1e-6j)
    assert_allclose(turned, combine_adaptively(images) * 1e-6j, atol=1e-11)


def test_the_order_of_the_coils_does_not_matter() -> None:
    images = seen(0.05)
    assert_allclose(combine_adaptively(images.flip(1)), combine_adaptively(images), atol=1e-4)


def test_a_slice_does_not_depend_on_its_neighbours_in_the_batch() -> None:
    images = torch.cat([seen(0.02), 3 * seen(0.1)])
    alone = torch.cat([combine_adaptively(image[None]) for image in images])
    assert_allclose(combine_adaptively(images), alone, atol=1e-5)


def test_a_black_slice_stays_black() -> None:
    black = torch.zeros(1, 4, 16, 16, dtype=torch.complex64)
    assert (combine_adaptively(black) == 0).all()
    assert (estimate_coil_maps(black) == 0).all()


def test_it_equals_walshs_eigenvectors() -> None:
    images = seen(0.03)[0].numpy()
    products = images[:, None] * images.conj()
    real, imaginary = (
        uniform_filter(part, (1, 1, 7, 7), mode="constant")
        for part in (products.real, products.imag)
    )
    _, vectors = np.linalg.eigh((real + 1j * imaginary).transpose(2, 3, 0, 1))
    walsh = torch.from_numpy(vectors[..., -1].transpose(2, 0, 1))
    assert agreement(estimate_coil_maps(seen(0.03)), walsh).min() > 0.999


def test_it_agrees_with_sigpys_espirit() -> None:
    mri = pytest.importorskip("sigpy.mri.app")
    kspace = fft2c(seen(0.01))[0].numpy()
    espirit = mri.EspiritCalib(kspace, calib_width=24, crop=0.0, show_pbar=False).run()
    assert agreement(estimate_coil_maps(seen(0.01)), torch.from_numpy(espirit)).min() > 0.97
