"""Slices that form one volume with even spacing, and clear lines about all others."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from flmrcm.prepare.dicom_frames import Frame
from flmrcm.prepare.dicom_stack import compute_affine, stack_frames
from flmrcm.prepare.scan import UnusableVolume


def frame(height: float, echo: float = 0.0) -> Frame:
    """Return an axial slice at a height in mm."""
    return Frame(
        Path(f"{height}_{echo}"),
        0,
        matrix=(8, 6),
        pixel_mm=(1.5, 2.0),
        along_columns=np.array([1.0, 0, 0]),
        along_rows=np.array([0, 1.0, 0]),
        position=np.array([-10.0, -20, height]),
        thickness_mm=2.5,
        order=(echo,),
    )


def heights(frames: list[Frame]) -> list[float]:
    return [one.height_mm for one in frames]


def error_line(frames: list[Frame], choice: int | None = None) -> str:
    with pytest.raises(UnusableVolume) as caught:
        stack_frames(frames, choice)
    return str(caught.value)


def test_slices_are_sorted_along_their_normal() -> None:
    assert heights(stack_frames([frame(h) for h in (3, 9, 0, 6)], None)) == [0, 3, 6, 9]


def test_slices_are_sorted_along_an_oblique_normal() -> None:
    tilt = np.array([0, np.cos(0.3), np.sin(0.3)])
    normal = np.cross([1, 0, 0], tilt)
    frames = [replace(frame(0), along_rows=tilt, position=4 * i * normal) for i in (2, 0, 1)]
    assert_allclose(heights(stack_frames(frames, None)), [0, 4, 8], atol=1e-9)
    assert_allclose(compute_affine(stack_frames(frames, None))[:3, 0], 4 * normal * [-1, -1, 1])


def test_the_affine_maps_indices_to_millimetres_right_front_up() -> None:
    matrix = compute_affine(stack_frames([frame(h) for h in (0, 3, 6)], None))
    assert_allclose(matrix @ [0, 0, 0, 1], [10, 20, 0, 1])
    assert_allclose(matrix @ [2, 1, 1, 1], [10 - 2, 20 - 1.5, 6, 1])


def test_a_single_slice_has_the_thickness_of_its_header() -> None:
    assert_allclose(compute_affine([frame(0)])[:3, 0], [0, 0, 2.5])
    with pytest.raises(UnusableVolume, match="unknown thickness"):
        compute_affine([replace(frame(0), thickness_mm=np.nan)])


@pytest.mark.parametrize("choice", [0, 1])
def test_of_several_echoes_one_is_used(choice: int) -> None:
    frames = [frame(h, echo) for h in (0, 3, 6) for echo in (90.0, 10.0)]
    assert [one.order[0] for one in stack_frames(frames, choice)] == [(10.0, 90.0)[choice]] * 3


@pytest.mark.parametrize("choice", [None, 2, -1])
def test_several_echoes_need_a_choice(choice: int | None) -> None:
    frames = [frame(h, echo) for h in (0, 3, 6) for echo in (90.0, 10.0)]
    line = error_line(frames, choice)
    assert "2 images at each position (echoes or time points)" in line
    assert "frame=0 to frame=1" in line


def test_positions_with_different_numbers_of_images_are_refused() -> None:
    frames = [*(frame(h) for h in (0, 3, 6)), frame(3, 1.0)]
    assert "1 to 2 images at one position, so some are missing" in error_line(frames, 0)


def test_a_gap_of_twice_the_spacing_is_a_missing_slice() -> None:
    line = error_line([frame(h) for h in (0, 3, 6, 12, 15)])
    assert line == "slices are missing: a gap of 6 mm after slice 3 of 5, elsewhere 3 mm"


def test_uneven_spacing_is_refused_and_rounding_is_not() -> None:
    line = error_line([frame(h) for h in (0, 3, 6.3)])
    assert line == "uneven spacing of the slices: 3 to 3.3 mm"
    assert len(stack_frames([frame(h) for h in (0, 3.001, 6)], None)) == 3


def test_different_matrices_pixel_sizes_and_directions_are_refused() -> None:
    first, second = frame(0), frame(3)
    assert "8×6 and 8×7" in error_line([first, replace(second, matrix=(8, 7))])
    assert "1.5×2 and 1×1 mm" in error_line([first, replace(second, pixel_mm=(1.0, 1.0))])
    oblique = replace(second, along_columns=np.array([0, 0, 1.0]))
    assert "slices with different directions" in error_line([first, oblique])
