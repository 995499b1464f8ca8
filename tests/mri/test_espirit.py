"""ESPIRiT's maps are sigpy's, of the fully sampled centre alone."""

from typing import Any

import numpy as np
import pytest
import torch
from kits.factories import smooth_images
from numpy.testing import assert_allclose
from torch import Tensor

from flmrcm.mri.acquisition import keep_center
from flmrcm.mri.coil_combination import estimate_maps_of_center
from flmrcm.mri.coils import expand_coils, make_birdcage_maps, rss
from flmrcm.mri.espirit import cut_center, estimate_espirit_maps
from flmrcm.mri.fourier import fft2c

SIZES = [(32, 32), (32, 27), (31, 40)]


def scan(rows: int, columns: int, coils: int = 4) -> Tensor:
    """Gives k-space, complex64, (coils, rows, columns)."""
    image = torch.from_numpy(smooth_images(1, (rows, columns)))
    return fft2c(expand_coils(image, make_birdcage_maps(coils, rows, columns)))[0]


@pytest.mark.parametrize("width", [12, 13])
@pytest.mark.parametrize("size", SIZES)
def test_the_square_lies_in_the_centre_that_masks_measure(
    size: tuple[int, int], width: int
) -> None:
    kspace = scan(*size)
    center = keep_center(kspace[None], torch.tensor([[width, width]]))[0]
    square = cut_center(kspace, width)
    assert square.shape == (4, width, width)
    assert torch.equal(square, cut_center(center, width))
    assert square.abs().sum() == pytest.approx(float(center.abs().sum()), rel=1e-5)
    # a smaller square of a larger centre lies inside it, too
    assert torch.equal(cut_center(kspace, 8), cut_center(center, 8))


@pytest.mark.parametrize("crop", [0.0, 0.9995])
def test_maps_are_those_of_sigpy_called_on_the_centre(crop: float) -> None:
    mri = pytest.importorskip("sigpy.mri.app")
    kspace = scan(32, 40)
    center = keep_center(kspace[None], torch.tensor([[14, 14]]))[0]
    theirs = mri.EspiritCalib(
        center.numpy(), calib_width=14, kernel_width=5, thresh=0.03, crop=crop, show_pbar=False
    ).run()
    ours = estimate_espirit_maps(cut_center(kspace, 14), (32, 40), 5, 0.03, crop)
    assert ours.dtype == torch.complex64
    # at each pixel all coils may turn by one angle
    one, other = (maps * maps[2:3].conj() for maps in (ours, torch.from_numpy(theirs)))
    assert_allclose(one, other, atol=1e-5)
    assert bool((rss(ours[None]) == 0).any()) == (crop > 0)


def test_they_are_the_coils_sensitivities_up_to_a_phase() -> None:
    pytest.importorskip("sigpy")
    maps = estimate_espirit_maps(cut_center(scan(32, 32), 20), (32, 32), 6, 0.02, 0.0)
    true = make_birdcage_maps(4, 32, 32)
    agreement = (maps.conj() * true).sum(0).abs()
    assert agreement[4:-4, 4:-4].mean() > 0.98
    assert_allclose(rss(maps[None]), np.ones((1, 32, 32)), atol=1e-5)


def test_an_empty_centre_gives_zeros_and_a_blind_coil_no_nan() -> None:
    pytest.importorskip("sigpy")
    kspace = scan(32, 32)
    black = estimate_espirit_maps(cut_center(0 * kspace, 12), (32, 32), 6, 0.02, 0.0)
    assert black.shape == (4, 32, 32)
    assert not black.any()
    blind = torch.cat([torch.zeros_like(kspace[:1]), kspace[1:]])
    maps = estimate_espirit_maps(cut_center(blind, 12), (32, 32), 6, 0.02, 0.0)
    assert maps[0].abs().max() < 1e-5
    assert_allclose(rss(maps[None]), np.ones((1, 32, 32)), atol=1e-5)


def test_sigpy_divides_by_the_loudest_coil_whichever_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    app = pytest.importorskip("sigpy.mri.app")
    first: list[int] = []

    class Spy(app.EspiritCalib):
        def __init__(self, kspace: np.ndarray, **options: Any) -> None:
            first.append(int(np.square(np.abs(kspace)).sum((1, 2)).argmax()))
            super().__init__(kspace, **options)

    monkeypatch.setattr(app, "EspiritCalib", Spy)
    kspace, maps = scan(32, 32), []
    for louder in range(4):  # a blind coil could make its own map, and so all of them, 0/0
        gains = torch.ones(4, 1, 1)
        gains[louder] = 3
        square = cut_center(gains * kspace, 12)
        maps.append(estimate_espirit_maps(square, (32, 32), 6, 0.02, 0.0) / gains)
    assert first == [0] * 4
    scaled = [m / rss(m[None]) for m in maps]
    agreements = [(scaled[0].conj() * other).sum(0).abs()[4:-4, 4:-4].mean() for other in scaled]
    assert min(agreements) > 0.99


def test_their_phase_is_as_smooth_as_that_of_adaptive_maps() -> None:
    pytest.importorskip("sigpy")
    kspace = scan(32, 32, coils=6)
    maps = estimate_espirit_maps(cut_center(kspace, 20), (32, 32), 6, 0.02, 0.0)
    adaptive = estimate_maps_of_center(kspace[None], torch.tensor([[20, 20]]))[0]
    together = (maps.conj() * adaptive).sum(0)
    assert (together.real / together.abs())[4:-4, 4:-4].mean() > 0.99
