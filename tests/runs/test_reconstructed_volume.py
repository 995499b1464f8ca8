"""A reconstructed volume's files: values, geometry, and what made them."""

from dataclasses import replace
from itertools import permutations, product

import h5py
import nibabel
import numpy as np
import pytest
from kits.placement import locate
from kits.raw_files import header, write_raw
from nibabel.orientations import aff2axcodes
from PIL import Image

from flmrcm.data.h5 import read_header, write_volume
from flmrcm.data.provenance import Provenance
from flmrcm.prepare.nifti_file import read_nifti
from flmrcm.prepare.orientation import PLANES
from flmrcm.runs.reconstructed_volume import ReconstructedVolume, write_h5, write_nifti, write_pngs
from flmrcm.runs.scans import read_kept_attributes, read_scan_provenance

IMAGE = np.random.default_rng(0).random((3, 5, 4), np.float32)
MADE = {"made_by": "flmrcm 1", "checkpoint": "last.pt", "mask": "Random, 4x", "acceleration": 4.0}


def volume(orientation: str = "", voxel_mm=None, image=IMAGE) -> ReconstructedVolume:
    provenance = Provenance(orientation=orientation, voxel_mm=voxel_mm)
    affine = locate(provenance, image.shape)
    return ReconstructedVolume(image, image, provenance, affine, {}, MADE)


@pytest.mark.parametrize(
    "orientation",
    ["".join(axes) for p in permutations(("RL", "AP", "SI")) for axes in product(*p)],
)
def test_nifti_tells_where_every_axis_leads_to(tmp_path, orientation):
    path, _ = write_nifti(volume(orientation, (5.0, 2.0, 0.5)), tmp_path / "v")
    image = nibabel.load(path)
    assert "".join(aff2axcodes(image.affine)) == orientation[::-1]
    assert image.header.get_zooms() == (0.5, 2.0, 5.0)
    np.testing.assert_array_equal(image.get_fdata(dtype=np.float32), IMAGE.transpose(2, 1, 0))
    np.testing.assert_allclose(image.get_qform(), image.get_sform(), atol=1e-5)
    assert image.header["qform_code"] == image.header["sform_code"] == 2


@pytest.mark.parametrize("plane", PLANES)
def test_nifti_comes_back_through_prepare_as_it_was(tmp_path, plane):
    path, _ = write_nifti(volume(PLANES[plane], (5.0, 2.0, 0.5)), tmp_path / "v")
    scan = read_nifti(path, plane)
    np.testing.assert_array_equal(scan.image, IMAGE)
    assert (scan.voxel_mm, scan.orientation) == ((5.0, 2.0, 0.5), PLANES[plane])


def test_two_crops_of_a_scan_lie_on_each_other(tmp_path):
    places = {}
    for crop in (0, 1, 2):
        image = np.pad(IMAGE, ((0, 0), (crop, crop), (crop, crop)))
        path, _ = write_nifti(volume("SPL", (5.0, 2.0, 0.5), image), tmp_path / f"{crop}")
        places[crop] = nibabel.load(path).affine @ [crop, crop, 0, 1]
    np.testing.assert_allclose(places[1], places[0])
    np.testing.assert_allclose(places[2], places[0])


def test_without_an_orientation_nifti_claims_none(tmp_path):
    for name, orientation in (("none", ""), ("half", "S??")):
        path, _ = write_nifti(volume(orientation, (5.0, 2.0, 0.5)), tmp_path / name)
        loaded = nibabel.load(path).header
        assert loaded["qform_code"] == loaded["sform_code"] == 0
        assert loaded.get_zooms() == (0.5, 2.0, 5.0)


def test_equal_volumes_give_equal_bytes(tmp_path):
    for write in (write_h5, write_nifti, write_pngs):
        both = [write(volume("SPL"), tmp_path / name / "v") for name in ("a", "b")]
        assert [path.read_bytes() for path in both[0]] == [path.read_bytes() for path in both[1]]


def test_h5_keeps_how_a_scan_lies_and_what_made_it(tmp_path):
    kept = {"voxel_mm": np.array([5.0, 1, 1]), "orientation": "SPL", "contrast": "T1"}
    scan = tmp_path / "scan.h5"
    write_volume(scan, np.ones((3, 5, 4), np.complex64), IMAGE, {**kept, "note": "Jane Doe"})
    attributes = read_kept_attributes(scan)
    (path,) = write_h5(replace(volume(), attributes=attributes), tmp_path / "v")
    with h5py.File(path) as file:
        np.testing.assert_array_equal(file["reconstruction"], IMAGE)
        assert file["reconstruction"].dtype == np.float32
        assert set(file.attrs) == {*kept, *MADE}


def test_pictures_share_one_brightness_scale(tmp_path):
    image = np.stack([np.full((5, 4), level, np.float32) for level in (0.0, 1.0, 2.0)])
    paths = write_pngs(volume(image=image), tmp_path / "v")
    assert [path.relative_to(tmp_path).as_posix() for path in paths] == [
        f"v_slices/00{i}.png" for i in range(3)
    ]
    levels = [np.unique(np.asarray(Image.open(path))).tolist() for path in paths]
    assert levels == [[0], [128], [255]]


@pytest.mark.parametrize("turned", [False, True])
def test_the_voxel_size_of_a_raw_file_is_its_headers(tmp_path, turned):
    words = {"phase_encoding": "rows"} if turned else {}
    path = write_raw(tmp_path, xml=header(), **words)
    provenance = read_scan_provenance(read_header(path, ""))
    # 440 and 220 mm over 64 rows and 32 columns, as they are stored
    expected = (440 / 32, 220 / 64) if turned else (440 / 64, 220 / 32)
    assert provenance.voxel_mm == pytest.approx((5, *(expected[::-1] if turned else expected)))
