"""Where a reconstruction's voxels lie: as those of the scan, whatever part of it is shown."""

from itertools import product

import numpy as np
import pytest
from kits.placement import make_header

from flmrcm.data.provenance import Provenance
from flmrcm.runs.placement import locate_voxels

OBLIQUE = ((0.0, 0.2, 2.0, 5.0), (0.3, -1.0, 0.0, 7.0), (3.0, 0.0, 0.1, -9.0), (0.0, 0.0, 0.0, 1.0))
KNOWN = Provenance(orientation="SPL", voxel_mm=(3.0, 1.0, 2.0), affine=OBLIQUE)
CENTRED = Provenance(orientation="SPL", voxel_mm=(3.0, 1.0, 2.0))


def start_of_crop(kspace, image, size):
    """Return the first voxel of what is shown, in voxels of the target, found on an image."""
    whole = np.arange(kspace)
    target, shown = (whole[(kspace - n) // 2 :][:n] for n in (image, size))
    return int(shown[0] - target[0])


@pytest.mark.parametrize("provenance", [KNOWN, CENTRED])
@pytest.mark.parametrize(("kspace", "image"), [(9, 9), (8, 8), (11, 8), (10, 7)])
def test_parts_of_a_scan_lie_where_they_lie_in_it(provenance, kspace, image):
    header = make_header((4, kspace, kspace), (image, image))
    whole = locate_voxels(provenance, header, (4, image, image))
    for rows, columns in product(range(5, image + 1), repeat=2):
        part = locate_voxels(provenance, header, (4, rows, columns))
        start = [start_of_crop(kspace, image, n) for n in (rows, columns)]
        np.testing.assert_allclose(part[:, 3], whole @ [0, *start, 1])
        np.testing.assert_array_equal(part[:, :3], whole[:, :3])


def test_a_scan_that_says_where_it_lies_keeps_that_oblique_or_not():
    np.testing.assert_array_equal(locate_voxels(KNOWN, make_header((4, 8, 8)), (4, 8, 8)), OBLIQUE)


def test_the_origin_of_others_is_the_middle_of_the_fourier_transform():
    affine = locate_voxels(CENTRED, make_header((4, 11, 11), (8, 8)), (4, 8, 8))
    np.testing.assert_allclose(affine @ [2, 11 // 2 - (11 - 8) // 2, 11 // 2 - (11 - 8) // 2, 1],
                               [0, 0, 0, 1])  # fmt: skip


def test_rows_that_are_the_phase_encoding_are_stored_rows_again():
    """The header counts as the network sees them, the affine as the file does."""
    turned = make_header((4, 8, 12), is_turned=True)
    part = locate_voxels(KNOWN, turned, (4, 12, 6))
    np.testing.assert_allclose(part[:, 3], np.array(OBLIQUE) @ [0, 0, 1, 1])


def test_where_nothing_is_known_nothing_is_said():
    assert locate_voxels(Provenance(), make_header((4, 8, 8)), (4, 8, 8)) is None
