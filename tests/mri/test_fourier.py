"""Laws of the Fourier pair."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close

from flmrcm.mri.fourier import fft2c, ifft2c

sizes = st.tuples(st.integers(1, 3), st.integers(1, 33), st.integers(1, 33))


def noise(*shape: int, seed: int = 0) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.complex64, generator=rng)


@given(sizes)
@settings(deadline=None)
def test_each_undoes_the_other(shape: tuple[int, int, int]) -> None:
    image = noise(*shape)
    assert_close(ifft2c(fft2c(image)), image, atol=1e-5, rtol=0)
    assert_close(fft2c(ifft2c(image)), image, atol=1e-5, rtol=0)


@given(sizes)
@settings(deadline=None)
def test_energy_is_kept(shape: tuple[int, int, int]) -> None:
    image = noise(*shape)
    assert_close(fft2c(image).norm(), image.norm())


@given(st.integers(1, 33), st.integers(1, 33))
@settings(deadline=None)
def test_a_point_in_the_centre_is_flat_in_kspace(height: int, width: int) -> None:
    point = torch.zeros(height, width, dtype=torch.complex64)
    point[height // 2, width // 2] = 1
    flat = torch.full_like(point, (height * width) ** -0.5)
    assert_close(fft2c(point), flat)
    assert_close(ifft2c(point), flat)


def test_only_the_last_two_axes_are_transformed() -> None:
    images = noise(2, 3, 8, 6)
    assert_close(fft2c(images)[1, 2], fft2c(images[1, 2]))
    assert_close(ifft2c(images)[1, 2], ifft2c(images[1, 2]))


@pytest.mark.filterwarnings("ignore")  # fastMRI's own imports
@pytest.mark.parametrize("shape", [(2, 16, 16), (1, 15, 18), (3, 7, 7)])
def test_the_pair_is_fastmris(shape: tuple[int, int, int]) -> None:
    fastmri = pytest.importorskip("fastmri")
    image = noise(*shape)
    for ours, theirs in ((fft2c, fastmri.fft2c), (ifft2c, fastmri.ifft2c)):
        expected = torch.view_as_complex(theirs(torch.view_as_real(image)))
        assert_close(ours(image), expected, atol=1e-6, rtol=1e-6)
