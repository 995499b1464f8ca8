"""Reading NIfTI: scale factors, frames, orientation, damage."""

import nibabel as nib
import numpy as np
import pytest
from kits.prepare import head, write_nifti

from flmrcm.prepare.nifti_file import read_nifti, strip_ending
from flmrcm.prepare.scan import UnusableVolume


def as_slices(array):
    """Return an array with axes to the right, front and up as slices in `SPL` orientation."""
    return array.transpose(2, 1, 0)[:, ::-1, ::-1]


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_a_file_gives_its_slices_and_its_original_orientation(tmp_path, ending):
    scan = read_nifti(write_nifti(tmp_path / f"a{ending}"))
    np.testing.assert_array_equal(scan.image, as_slices(head()))
    assert scan.image.dtype == np.float32
    assert scan.voxel_mm == (1.0, 1.0, 2.0)
    assert (scan.native_orientation, scan.orientation) == ("RAS", "SPL")
    assert scan.native_shape == (12, 24, 20)
    assert scan.kspace_origin == "magnitude"


def test_three_orientations_of_one_image_give_the_same_slices(tmp_path):
    files = [write_nifti(tmp_path / f"{codes}.nii", codes=codes) for codes in ("RAS", "PIR", "LSA")]
    images = [read_nifti(file) for file in files]
    assert [image.native_orientation for image in images] == ["RAS", "PIR", "LSA"]
    for image in images[1:]:
        np.testing.assert_array_equal(image.image, images[0].image)
        assert image.voxel_mm == images[0].voxel_mm


def test_scale_factors_are_applied(tmp_path):
    image = nib.Nifti1Image(head().astype(np.int16), np.eye(4))
    image.header.set_slope_inter(0.5, 10)
    stored = image.header.copy()
    nib.save(image, tmp_path / "a.nii")
    assert stored.get_slope_inter() == (0.5, 10)
    scan = read_nifti(tmp_path / "a.nii")
    raw = nib.load(tmp_path / "a.nii").dataobj
    assert (raw.slope, raw.inter) == (0.5, 10)
    np.testing.assert_allclose(scan.image, as_slices(np.asarray(raw)), rtol=1e-6)


def test_several_frames_need_a_choice(tmp_path):
    frames = np.stack([head(seed=seed) for seed in (1, 2, 3)], -1)
    path = write_nifti(tmp_path / "a.nii.gz", frames)
    np.testing.assert_array_equal(read_nifti(path, frame=1).image, as_slices(head(seed=2)))
    for frame in (None, 3, -1):
        with pytest.raises(
            UnusableVolume, match="holds 3 frames; choose one with frame=0 to frame=2"
        ):
            read_nifti(path, frame=frame)


def test_a_fourth_axis_of_length_one_is_ignored(tmp_path):
    path = write_nifti(tmp_path / "a.nii", head()[..., None])
    np.testing.assert_array_equal(read_nifti(path).image, as_slices(head()))


def without_codes(path, array=None):
    image = nib.Nifti1Image(head() if array is None else array, None)
    image.header.set_zooms((2, 1, 1))
    image.header["sform_code"] = image.header["qform_code"] = 0
    nib.save(image, path)
    return path


def test_a_missing_orientation_must_be_given(tmp_path):
    path = without_codes(tmp_path / "a.nii")
    with pytest.raises(UnusableVolume, match="neither sform nor qform"):
        read_nifti(path)
    scan = read_nifti(path, orientation="RAS")
    assert scan.affine is None  # where it lies is not known
    np.testing.assert_array_equal(scan.image, as_slices(head()))
    assert scan.voxel_mm == (1.0, 1.0, 2.0)


def test_an_orientation_of_the_config_is_used(tmp_path):
    stored = np.ascontiguousarray(head().transpose(2, 0, 1)[::-1])  # to I, R, A
    image = nib.Nifti1Image(stored, None)
    image.header["sform_code"] = image.header["qform_code"] = 0
    nib.save(image, tmp_path / "a.nii")
    scan = read_nifti(tmp_path / "a.nii", orientation="IRA")
    np.testing.assert_array_equal(scan.image, as_slices(head()))
    assert scan.native_orientation == "IRA"


def test_complex_files_keep_their_phase(tmp_path):
    path = write_nifti(tmp_path / "a.nii", (head() * np.exp(1j)).astype(np.complex64))
    scan = read_nifti(path)
    assert (scan.image.dtype, scan.kspace_origin) == (np.complex64, "measured")


def test_colours_and_single_images_are_refused(tmp_path):
    rgb = np.zeros((4, 5, 6), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    nib.save(nib.Nifti1Image(rgb, np.eye(4)), tmp_path / "rgb.nii")
    with pytest.raises(UnusableVolume, match="colours"):
        read_nifti(tmp_path / "rgb.nii")
    with pytest.raises(UnusableVolume, match="a volume has three axes"):
        read_nifti(write_nifti(tmp_path / "flat.nii", head()[0]))


def test_a_singular_affine_is_skipped(tmp_path):
    path = write_nifti(tmp_path / "a.nii")
    raw = bytearray(path.read_bytes())
    raw[280:328] = bytes(48)  # the three rows of the sform
    path.write_bytes(raw)
    with pytest.raises(UnusableVolume, match="can't be inverted"):
        read_nifti(path)


def save_as(kind, path, affine):
    nib.save(kind(head(), affine), path)
    return path


@pytest.mark.parametrize(
    ("kind", "name"),
    [(nib.MGHImage, "a.mgz"), (nib.MGHImage, "a.mgh"), (nib.Nifti1Pair, "a.hdr")],
)
def test_freesurfers_files_and_files_in_two_parts_are_read(tmp_path, kind, name):
    scan = read_nifti(save_as(kind, tmp_path / name, np.diag([2.0, 1, 1, 1])))
    np.testing.assert_array_equal(scan.image, as_slices(head()))
    assert (scan.voxel_mm, scan.native_orientation) == ((1.0, 1.0, 2.0), "RAS")


def test_analyze_holds_no_directions(tmp_path):
    path = save_as(nib.AnalyzeImage, tmp_path / "a.hdr", np.diag([2.0, 1, 1, 1]))
    with pytest.raises(UnusableVolume, match="holds no directions of the axes"):
        read_nifti(path)
    np.testing.assert_array_equal(read_nifti(path, orientation="RAS").image, as_slices(head()))


def test_a_header_without_its_values_is_named(tmp_path):
    path = save_as(nib.Nifti1Pair, tmp_path / "a.hdr", np.eye(4))
    path.with_suffix(".img").unlink()
    with pytest.raises(UnusableVolume, match=r"values belong into a\.img beside it"):
        read_nifti(path)


def test_a_truncated_mgz_is_refused(tmp_path):
    path = save_as(nib.MGHImage, tmp_path / "a.mgz", np.eye(4))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises((EOFError, OSError)):
        read_nifti(path)


@pytest.mark.parametrize(
    ("name", "stem"),
    [("a.nii", "a"), ("b.v2.nii.gz", "b.v2"), ("T1.MGZ", "T1"), ("c.hdr", "c"), ("d.txt", "d.txt")],
)
def test_the_ending_of_a_name_is_taken_off(name, stem):
    assert strip_ending(name) == stem
