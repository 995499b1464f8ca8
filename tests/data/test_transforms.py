"""From k-space to what a network sees."""

import pytest
import torch
from kits.factories import scanned
from torch.testing import assert_close

from flmrcm.data.transforms import choose_crop_size, crop_mask, prepare_images
from flmrcm.mri.acquisition import Cartesian, center_crop, stack_masks
from flmrcm.mri.fourier import fft2c
from flmrcm.mri.masks import Random
from flmrcm.mri.normalisation import CLAMP, denormalise

EVERYTHING = Cartesian(torch.ones(1, 1, 1, 12, dtype=torch.bool))


def test_a_network_sees_the_least_of_resolution_kspace_and_target() -> None:
    assert choose_crop_size(256, (640, 320), (320, 320)) == (256, 256)
    assert choose_crop_size(400, (640, 320), (320, 300)) == (320, 300)
    assert choose_crop_size(400, (200, 640), (320, 320)) == (200, 320)


def test_input_and_target_are_normalised_by_the_input() -> None:
    kspace, image = (torch.from_numpy(x) for x in scanned(2, (16, 12)))
    masks = [Random((3,))((16, 12), seed).mask for seed in (0, 1)]
    acquisition = Cartesian(stack_masks(masks, torch.device("cpu")))
    found = prepare_images(kspace.unsqueeze(1), acquisition, image, 256, clamp_target=False)
    blurred = acquisition.reconstruct_magnitude(kspace.unsqueeze(1))
    assert_close(found.mean, blurred.mean((1, 2)))
    assert_close(found.std, blurred.flatten(1).std(1))  # unbiased
    assert found.image.shape == found.target.shape == (2, 1, 16, 12)
    assert_close(denormalise(found.image, found.mean, found.std).squeeze(1), blurred)
    assert_close(denormalise(found.target, found.mean, found.std).squeeze(1), image)


def test_the_statistics_are_those_of_the_cropped_image() -> None:
    kspace, image = (torch.from_numpy(x) for x in scanned(1, (16, 12)))
    found = prepare_images(kspace.unsqueeze(1), EVERYTHING, image, 8, clamp_target=False)
    assert found.image.shape == (1, 1, 8, 8)
    assert_close(found.mean, center_crop(image, 8, 8).mean((1, 2)))


@pytest.mark.parametrize("clamp_target", [False, True])
def test_only_the_published_profile_clamps_targets(clamp_target: bool) -> None:
    image = torch.ones(1, 16, 12)
    image[0, 8, 6] = 1000  # one bright pixel lies 13 σ from the mean
    kspace = fft2c(image.to(torch.complex64))
    found = prepare_images(kspace.unsqueeze(1), EVERYTHING, image, 256, clamp_target)
    assert found.image.max() == CLAMP
    assert (found.target.max() == CLAMP) == clamp_target


@pytest.mark.parametrize("target", [16, 15, 12, 11])
@pytest.mark.parametrize("resolution", [10, 9, 8, 7])
@pytest.mark.parametrize("size", [16, 17])
def test_image_target_and_lesion_are_cut_at_one_place_whatever_the_parity(
    size: int, target: int, resolution: int
) -> None:
    kspace, image = (torch.from_numpy(x) for x in scanned(2, (size, 12)))
    stored = center_crop(image, target, 12)
    found = prepare_images(kspace.unsqueeze(1), EVERYTHING, stored, resolution, False)
    assert_close(found.image, found.target, atol=1e-4, rtol=0)
    mask = crop_mask(stored > stored.median(), (size, 12), found.image)
    own = denormalise(found.target, found.mean, found.std)
    assert own[mask].min() > stored.median() - 1e-4 > own[~mask].max() - 2e-4
