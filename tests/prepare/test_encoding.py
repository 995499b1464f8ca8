"""Laws of what is written: the target belongs to this very k-space."""

import numpy as np
import torch
from kits.prepare import a_scan, head

from flmrcm.mri.fourier import ifft2c
from flmrcm.prepare.encoding import add_smooth_phase, encode_volume, keep_phase


def flipped(kspace):
    """k-space at the opposite frequencies; the first row and column of an even matrix have none."""
    return kspace[:, 1:, 1:][:, ::-1, ::-1]


def image():
    return np.ascontiguousarray(head((6, 20, 16)))


def test_the_target_is_the_image_of_the_kspace_written():
    kspace, target = encode_volume(image())
    assert (kspace.dtype, target.dtype) == (np.complex64, np.float32)
    np.testing.assert_array_equal(target, ifft2c(torch.from_numpy(kspace)).abs().numpy())
    np.testing.assert_allclose(target, image(), atol=1e-4)


def test_no_energy_is_lost():
    kspace, target = encode_volume(image())
    np.testing.assert_allclose(np.linalg.norm(kspace), np.linalg.norm(target), rtol=1e-5)


def test_several_coils_give_their_root_sum_of_squares():
    coils = np.stack([image() * 0.6, image() * 0.8j], 1).astype(np.complex64)
    kspace, target = encode_volume(coils)
    assert kspace.shape == (6, 2, 20, 16)
    np.testing.assert_allclose(target, image(), atol=1e-4)


def test_a_bare_magnitude_has_symmetric_kspace_and_a_smooth_phase_breaks_it():
    bare = encode_volume(keep_phase(a_scan(image()), 1).image)
    phased = add_smooth_phase(a_scan(image(), (3.0, 5.0, 5.0)), 1)
    np.testing.assert_allclose(bare.kspace[:, 1:, 1:], flipped(bare.kspace).conj(), atol=1e-3)
    kspace, target = encode_volume(phased.image)
    assert np.abs(kspace[:, 1:, 1:] - flipped(kspace).conj()).max() > 1
    np.testing.assert_allclose(target, bare.target, atol=1e-4)
    assert phased.kspace_origin == "magnitude+phase"


def test_a_smooth_phase_is_smooth_and_follows_from_its_seed():
    scan = a_scan(np.ones((3, 32, 32), np.float32))
    first, again, other = (add_smooth_phase(scan, seed).image for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)
    assert np.abs(np.diff(np.angle(first), axis=2)).max() < 0.2


def test_a_field_of_view_beyond_the_reach_has_a_phase_too():
    scan = add_smooth_phase(a_scan(np.ones((2, 100, 8), np.float32), (3.0, 5.0, 5.0)), 0)
    assert np.isfinite(scan.image).all()


def test_a_measured_phase_stays():
    scan = a_scan((image() * 1j).astype(np.complex64))
    assert add_smooth_phase(scan, 1) is scan
