"""What slices add up to is what the whole volume would give."""

import numpy as np
import pytest
import torch
from kits.factories import scanned
from numpy.typing import NDArray

from flmrcm.inspection.measures import VolumeMeasures, combine_measures, measure_slice
from flmrcm.mri.fourier import fft2c

Array = NDArray[np.float32]


def measured(target: Array | None, kspace: NDArray[np.complex64]) -> VolumeMeasures:
    """Of (slice, h, w) and (slice, coils, h, w), slice by slice."""
    targets = [None] * len(kspace) if target is None else list(target)
    return combine_measures([measure_slice(*pair) for pair in zip(kspace, targets, strict=True)])


def volume(coils: int = 1, n: int = 3) -> tuple[NDArray[np.complex64], Array]:
    kspace, image = scanned(n, (20, 16), coils)
    return kspace.reshape(n, coils, 20, 16), image.astype(np.float32)


def test_sums_over_slices_are_those_of_the_volume() -> None:
    kspace, image = volume()
    found = measured(image, kspace)
    assert (found.minimum, found.maximum) == (image.min(), image.max())
    assert found.mean == pytest.approx(image.mean(), rel=1e-6)
    assert found.bright == pytest.approx(np.percentile(image, 99), rel=1e-6)
    assert (found.n_slices, found.n_broken, found.n_top) == (3, 0, 1)


@pytest.mark.parametrize("coils", [1, 4])
def test_a_target_is_near_its_own_k_space_even_if_cropped(coils: int) -> None:
    kspace, image = volume(coils)
    for target in (image, image[:, 4:16, 2:14]):
        found = measured(target, kspace)
        assert found.agreement is not None
        assert found.agreement.distance < 1e-5


def test_another_target_is_as_far_as_its_norm_says() -> None:
    kspace, image = volume()
    found = measured(image[:, ::-1], kspace).agreement
    assert found is not None
    expected = np.linalg.norm(image[:, ::-1] - image) / np.linalg.norm(image)
    assert found.distance == pytest.approx(expected, rel=1e-4)
    assert 0.01 < found.unexplained <= found.distance


def test_other_units_are_explained_by_their_factor() -> None:
    kspace, image = volume()
    found = measured(image * 1e6, kspace).agreement
    assert found is not None
    assert found.factor == pytest.approx(1e6, rel=1e-5)
    assert found.unexplained < 1e-3 < found.distance


def test_without_a_target_the_k_spaces_image_stands_for_it() -> None:
    kspace, image = volume()
    found = measured(None, kspace)
    assert found.agreement is None
    assert found.maximum == pytest.approx(image.max(), rel=1e-5)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_broken_values_are_counted_and_spoil_nothing_else(bad: float) -> None:
    kspace, image = volume()
    kspace[1, 0, 2, 3], image[2, 4, 5] = bad, bad
    found = measured(image, kspace)
    assert found.n_broken == 2
    assert np.isfinite([found.minimum, found.maximum, found.mean, found.bright]).all()
    assert found.agreement is not None
    assert found.agreement.distance < 1e-5, "the slice without broken values still tells"


def test_pixels_at_the_maximum_are_counted_over_the_whole_volume() -> None:
    kspace, image = volume()
    level = np.float32(0.5 * image.max())
    cut = np.minimum(image, level)
    found = measured(cut, kspace)
    assert found.n_top == (cut >= level * (1 - 1e-4)).sum() > 10
    assert found.top_share == pytest.approx(found.n_top / cut.size)


def test_empty_and_constant_images_are_blank_and_others_are_not() -> None:
    grey = np.full((2, 16, 16), 3.0, np.float32)
    spectrum = fft2c(torch.from_numpy(grey).to(torch.complex64)).unsqueeze(1).numpy()
    assert measured(grey, spectrum).is_blank
    assert measured(0 * grey, 0 * spectrum).is_blank
    assert measured(0 * grey, 0 * spectrum).agreement is None
    kspace, image = volume()
    assert not measured(image, kspace).is_blank


def test_the_checksum_is_of_the_k_spaces_values_alone() -> None:
    kspace, image = volume()
    same = measured(image * 2, kspace.astype(np.complex128).astype(np.complex64))
    assert same.checksum == measured(image, kspace).checksum
    changed = kspace.copy()
    changed[2, 0, 0, 0] += 1
    assert measured(image, changed).checksum != same.checksum
    assert measured(image, kspace[[1, 0, 2]]).checksum != same.checksum
