"""The arrays that are written: the target is the image of its k-space."""

import numpy as np
import torch
from kits.prepare import head, make_scan

from flmrcm.mri.fourier import ifft2c
from flmrcm.prepare.encoding import add_smooth_phase, encode_volume, keep_phase


def flip(kspace):
    """Return k-space at the opposite frequencies; in an even matrix, row and column 0 have none."""
    return kspace[:, 1:, 1:][:, ::-1, ::-1]


def image():
    return np.ascontiguousarray(head((6, 20, 16)))


def test_the_target_is_the_image_of_its_kspace():
    kspace, target = encode_volume(image())
    assert (kspace.dtype, target.dtype) == (np.complex64, np.float32)
    np.testing.assert_array_equal(target, ifft2c(torch.from_numpy(kspace)).abs().numpy())
    np.testing.assert_allclose(target, image(), atol=1e-4)


def test_no_energy_is_lost():
    kspace, target = encode_volume(image())
    np.testing.assert_allclose(np.linalg.norm(kspace), np.linalg.norm(target), rtol=1e-5)


def test_the_target_of_several_coils_is_their_root_sum_of_squares():
    coils = np.stack([image() * 0.6, image() * 0.8j], 1).astype(np.complex64)
    kspace, target = encode_volume(coils)
    assert kspace.shape == (6, 2, 20, 16)
    np.testing.assert_allclose(target, image(), atol=1e-4)


def test_a_magnitude_has_symmetric_kspace_and_a_smooth_phase_breaks_the_symmetry():
    real = encode_volume(keep_phase(make_scan(image()), 1).image)
    with_phase = add_smooth_phase(make_scan(image(), (3.0, 5.0, 5.0)), 1)
    np.testing.assert_allclose(real.kspace[:, 1:, 1:], flip(real.kspace).conj(), atol=1e-3)
    kspace, target = encode_volume(with_phase.image)
    assert np.abs(kspace[:, 1:, 1:] - flip(kspace).conj()).max() > 1
    np.testing.assert_allclose(target, real.target, atol=1e-4)
    assert with_phase.kspace_origin == "magnitude+phase"


def test_a_smooth_phase_is_smooth_and_depends_on_its_seed():
    scan = make_scan(np.ones((3, 32, 32), np.float32))
    first, again, other = (add_smooth_phase(scan, seed).image for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)
    assert np.abs(np.diff(np.angle(first), axis=2)).max() < 0.2


def test_a_very_large_field_of_view_has_a_phase_everywhere():
    scan = add_smooth_phase(make_scan(np.ones((2, 100, 8), np.float32), (3.0, 5.0, 5.0)), 0)
    assert np.isfinite(scan.image).all()


def test_a_measured_phase_stays():
    scan = make_scan((image() * 1j).astype(np.complex64))
    assert add_smooth_phase(scan, 1) is scan
