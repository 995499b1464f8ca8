"""From k-space to what a network sees."""

import pytest
import torch
from kits.factories import scanned
from torch.testing import assert_close

from flmrcm.data.transforms import (
    CLAMP,
    center_crop,
    choose_crop_size,
    denormalise,
    normalise,
    prepare_images,
    reconstruct_zero_filled,
    stack_masks,
)
from flmrcm.mri.fourier import fft2c
from flmrcm.mri.masks import Random

EVERYTHING = torch.ones(1, 1, 1, 12, dtype=torch.bool)


def test_an_unmasked_slice_is_its_own_image() -> None:
    for coils in (1, 3):
        kspace, image = scanned(2, (16, 12), coils)
        batched = torch.from_numpy(kspace).view(2, coils, 16, 12)
        assert_close(reconstruct_zero_filled(batched, EVERYTHING), torch.from_numpy(image))


def test_an_unmeasured_column_counts_for_nothing() -> None:
    kspace = torch.from_numpy(scanned(1, (16, 12))[0]).unsqueeze(1)
    mask = EVERYTHING.clone()
    mask[..., 3] = False
    changed = kspace.clone()
    changed[..., 3] = 99
    assert_close(reconstruct_zero_filled(kspace, mask), reconstruct_zero_filled(changed, mask))
    assert not torch.allclose(
        reconstruct_zero_filled(kspace, mask), reconstruct_zero_filled(kspace, EVERYTHING)
    )


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


def test_a_network_sees_the_least_of_resolution_kspace_and_target() -> None:
    assert choose_crop_size(256, (640, 320), (320, 320)) == (256, 256)
    assert choose_crop_size(400, (640, 320), (320, 300)) == (320, 300)
    assert choose_crop_size(400, (200, 640), (320, 320)) == (200, 320)


def test_denormalise_undoes_normalise() -> None:
    image = torch.rand(2, 1, 5, 4)
    mean, std = torch.tensor([1.0, 5.0]), torch.tensor([0.5, 3.0])
    assert_close(denormalise(normalise(image, mean, std), mean, std), image)
    assert_close(normalise(image, mean, std)[1], (image[1] - 5) / 3)


def test_input_and_target_are_normalised_by_the_input() -> None:
    kspace, image = (torch.from_numpy(x) for x in scanned(2, (16, 12)))
    mask = stack_masks([Random((3,))(12, seed) for seed in (0, 1)], torch.device("cpu"))
    found = prepare_images(kspace.unsqueeze(1), mask, image, 256, clamp_target=False)
    blurred = reconstruct_zero_filled(kspace.unsqueeze(1), mask)
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


def test_masks_are_stacked_along_the_batch() -> None:
    rows = [torch.tensor([True, False, True]), torch.tensor([False, False, True])]
    mask = stack_masks(rows, torch.device("cpu"))
    assert mask.shape == (2, 1, 1, 3)
    assert mask[1, 0, 0].tolist() == [False, False, True]
