"""From a frame's k-space to images: partial Fourier, oversampling, sizes."""

import numpy as np
import pytest
from kits.public_layouts import cine_kspace, phantom

from flmrcm.mri.coils import rss
from flmrcm.prepare.cmrxrecon_frame import count_missing_columns, plan_frame
from flmrcm.prepare.cmrxrecon_info import ScanSize
from flmrcm.prepare.phase_band import compute_columns
from flmrcm.prepare.scan import UnusableVolume

SIZE = ScanSize((8.0, 10.0, 10.0), 2.0, {})


def middle(columns=slice(None)):
    return np.ascontiguousarray(cine_kspace(1)[0, 2][..., columns])


def image(kspace, size=SIZE):
    return rss(plan_frame(kspace, size).reconstruct(kspace)[None])[0].numpy()


def test_the_oversampled_readout_is_cut_off_and_the_phantom_is_upright_and_centred():
    geometry = plan_frame(middle(), SIZE)
    assert (geometry.missing, geometry.size) == ((0, 0), (32, 24))
    assert geometry.voxel_mm == (8.0, 10.0, 10.0)
    np.testing.assert_allclose(image(middle()), phantom()[2], atol=1e-5)


@pytest.mark.parametrize(
    ("columns", "missing"),
    [(slice(8, 24), (8, 0)), (slice(0, 17), (0, 7)), (slice(4, 20), (0, 0))],
    ids=["first lines left out", "last lines left out", "both, evenly"],
)
def test_lines_that_were_left_out_come_back_as_zeros(columns, missing):
    assert count_missing_columns(middle(columns)) == missing
    geometry = plan_frame(middle(columns), SIZE)
    width = columns.stop - columns.start + sum(missing)
    assert geometry.size == (32, width)
    acquired = compute_columns(geometry.band, width, geometry.voxel_mm[2])
    assert acquired == slice(missing[0], width - missing[1])
    # the field of view stays: 240 mm over 24 columns
    assert geometry.voxel_mm[2] * width == pytest.approx(10.0 * (columns.stop - columns.start))


def test_an_image_of_half_the_lines_is_still_in_its_place():
    shown = image(middle(slice(8, 24)))
    assert shown.shape == (32, 24)
    assert np.corrcoef(shown.ravel(), phantom()[2].ravel())[0, 1] > 0.95


def test_zeros_in_the_file_count_as_not_acquired():
    padded = middle()
    padded[..., :3] = 0
    geometry = plan_frame(padded, SIZE)
    assert compute_columns(geometry.band, 24, 10.0) == slice(3, 24)


def test_undersampled_frames_are_refused():
    sparse = middle()
    sparse[..., 1::2] = 0
    with pytest.raises(UnusableVolume, match="undersampled"):
        plan_frame(sparse, SIZE)


def test_a_field_of_view_taken_for_the_wrong_one_is_refused():
    with pytest.raises(UnusableVolume, match="add its scanner to oversampled_fov"):
        plan_frame(middle(), ScanSize((8.0, 20.0, 10.0), 2.0, {}))
    plan_frame(middle(), ScanSize((8.0, 5.0, 10.0), 2.0, {}))
