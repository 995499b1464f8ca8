"""The measures added up over slices are those of the whole volume."""

import numpy as np
import pytest
import torch
from kits.factories import scanned
from numpy.typing import NDArray

from flmrcm.inspection.measures import VolumeMeasures, combine_measures, measure_slice
from flmrcm.mri.fourier import fft2c

Array = NDArray[np.float32]


def measure(target: Array | None, kspace: NDArray[np.complex64]) -> VolumeMeasures:
    """Measure target (slices, height, width) and k-space (slices, coils, rows, columns)."""
    targets = [None] * len(kspace) if target is None else list(target)
    return combine_measures([measure_slice(*pair) for pair in zip(kspace, targets, strict=True)])


def volume(coils: int = 1, n: int = 3) -> tuple[NDArray[np.complex64], Array]:
    kspace, image = scanned(n, (20, 16), coils)
    return kspace.reshape(n, coils, 20, 16), image.astype(np.float32)


def test_sums_over_slices_are_those_of_the_volume() -> None:
    kspace, image = volume()
    measures = measure(image, kspace)
    assert (measures.minimum, measures.maximum) == (image.min(), image.max())
    assert measures.mean == pytest.approx(image.mean(), rel=1e-6)
    assert measures.bright == pytest.approx(np.percentile(image, 99), rel=1e-6)
    assert (measures.n_slices, measures.n_broken, measures.n_top) == (3, 0, 1)


@pytest.mark.parametrize("coils", [1, 4])
def test_a_target_agrees_with_its_own_kspace_even_if_cropped(coils: int) -> None:
    kspace, image = volume(coils)
    for target in (image, image[:, 4:16, 2:14]):
        measures = measure(target, kspace)
        assert measures.agreement is not None
        assert measures.agreement.distance < 1e-5


def test_the_distance_of_another_target_is_the_relative_norm_of_the_difference() -> None:
    kspace, image = volume()
    agreement = measure(image[:, ::-1], kspace).agreement
    assert agreement is not None
    expected = np.linalg.norm(image[:, ::-1] - image) / np.linalg.norm(image)
    assert agreement.distance == pytest.approx(expected, rel=1e-4)
    assert 0.01 < agreement.unexplained <= agreement.distance


def test_other_units_are_explained_by_their_factor() -> None:
    kspace, image = volume()
    agreement = measure(image * 1e6, kspace).agreement
    assert agreement is not None
    assert agreement.factor == pytest.approx(1e6, rel=1e-5)
    assert agreement.unexplained < 1e-3 < agreement.distance


def test_without_a_target_the_image_of_the_kspace_is_measured() -> None:
    kspace, image = volume()
    measures = measure(None, kspace)
    assert measures.agreement is None
    assert measures.maximum == pytest.approx(image.max(), rel=1e-5)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_broken_values_are_counted_and_change_no_other_measure(bad: float) -> None:
    kspace, image = volume()
    kspace[1, 0, 2, 3], image[2, 4, 5] = bad, bad
    measures = measure(image, kspace)
    assert measures.n_broken == 2
    assert np.isfinite([measures.minimum, measures.maximum, measures.mean, measures.bright]).all()
    assert measures.agreement is not None
    assert measures.agreement.distance < 1e-5, "from the slice without broken values"


def test_pixels_at_the_maximum_are_counted_over_the_whole_volume() -> None:
    kspace, image = volume()
    level = np.float32(0.5 * image.max())
    cut = np.minimum(image, level)
    measures = measure(cut, kspace)
    assert measures.n_top == (cut >= level * (1 - 1e-4)).sum() > 10
    assert measures.top_share == pytest.approx(measures.n_top / cut.size)


def test_empty_and_constant_images_are_blank_and_others_are_not() -> None:
    grey = np.full((2, 16, 16), 3.0, np.float32)
    spectrum = fft2c(torch.from_numpy(grey).to(torch.complex64)).unsqueeze(1).numpy()
    assert measure(grey, spectrum).is_blank
    assert measure(0 * grey, 0 * spectrum).is_blank
    assert measure(0 * grey, 0 * spectrum).agreement is None
    kspace, image = volume()
    assert not measure(image, kspace).is_blank


def test_the_checksum_depends_on_the_values_of_the_kspace_alone() -> None:
    kspace, image = volume()
    same = measure(image * 2, kspace.astype(np.complex128).astype(np.complex64))
    assert same.checksum == measure(image, kspace).checksum
    changed = kspace.copy()
    changed[2, 0, 0, 0] += 1
    assert measure(image, changed).checksum != same.checksum
    assert measure(image, kspace[[1, 0, 2]]).checksum != same.checksum
