"""A real, fully sampled slice of eight coils, where it lies beside the checkout."""

from pathlib import Path

import pytest
import scipy.io
import torch
from torch import Tensor

from flmrcm.mri.acquisition import Cartesian, keep_center
from flmrcm.mri.coil_combination import estimate_coil_maps
from flmrcm.mri.coils import rss
from flmrcm.mri.espirit import cut_center, estimate_espirit_maps
from flmrcm.mri.fourier import ifft2c
from flmrcm.mri.masks import Equispaced

SLICE = Path(__file__).parents[3] / "shared" / "data" / "kdata_8ch.mat"


def measure_psnr(image: Tensor, target: Tensor) -> float:
    return float(20 * torch.log10(target.max() / (image - target).square().mean().sqrt()))


@pytest.mark.skipif(not SLICE.exists(), reason="no ../shared/data")
@pytest.mark.parametrize("turned", [False, True])
def test_maps_of_the_centre_and_conjugate_gradients_gain_three_decibels(turned: bool) -> None:
    stored = torch.from_numpy(scipy.io.loadmat(SLICE)["full_kspace_data"]).to(torch.complex64)
    kspace = stored.permute((2, 1, 0) if turned else (2, 0, 1))[None]
    sampling = Equispaced((4,))((256, 256), 1)
    measured, center = kspace * sampling.mask, torch.tensor([sampling.center])
    maps = estimate_coil_maps(ifft2c(keep_center(measured, center)))
    acquisition, target = Cartesian(sampling.mask[None, None], maps), rss(ifft2c(kspace))
    zero_filled = measure_psnr(rss(ifft2c(measured)), target)
    solved = acquisition.solve(acquisition.adjoint(measured), 0.01, steps=10)
    # BART's own maps, not tuned, gain 2 dB along one axis and lose along the other
    assert 24 < zero_filled < 27
    assert measure_psnr(solved.abs(), target) > zero_filled + 3


@pytest.mark.skipif(not SLICE.exists(), reason="no ../shared/data")
def test_espirit_s_maps_gain_more_and_keep_the_whole_head() -> None:
    pytest.importorskip("sigpy")
    stored = torch.from_numpy(scipy.io.loadmat(SLICE)["full_kspace_data"]).to(torch.complex64)
    kspace = stored.permute(2, 0, 1)[None]
    sampling = Equispaced((4,))((256, 256), 1)
    measured, target = kspace * sampling.mask, rss(ifft2c(kspace))
    square = cut_center(measured[0], min(sampling.center))
    maps = estimate_espirit_maps(square, (256, 256), 6, 0.02, 0.0)[None]
    acquisition = Cartesian(sampling.mask[None, None], maps)
    solved = acquisition.solve(acquisition.adjoint(measured), 0.01, steps=10)
    assert measure_psnr(solved.abs(), target) > measure_psnr(rss(ifft2c(measured)), target) + 5
    assert rss(maps).min() > 0.99
