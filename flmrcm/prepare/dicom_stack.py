"""From the slices of a series to one volume with even spacing, and its position."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from flmrcm.prepare.dicom_frames import Frame
from flmrcm.prepare.scan import UnusableVolume

_SAME_PLACE_MM = 0.01
_MISSING_RATIO, _UNEVEN_RATIO = 1.5, 1.05
"""Ratio of the widest to the narrowest gap: above the first, slices are missing; above the second,
the spacing is uneven."""

_TO_RAS = np.array([-1.0, -1.0, 1.0])
"""In DICOM x points to the left and y to the back; in the affines here to the right and front."""


def stack_frames(frames: Iterable[Frame], choice: int | None) -> list[Frame]:
    """Return one frame for each position, sorted along the normal of the slices.

    Args:
        frames: the frames of a series, in any order.
        choice: which of several frames at each position to use, from 0, ordered by echo time, then
            time point, then instance number; None if there is only one.

    Raises:
        UnusableVolume: the frames don't form one volume with even spacing: different matrices,
            pixel sizes or directions, gaps, or several frames per position without a choice.
    """
    ordered = sorted(frames, key=lambda frame: frame.height_mm)
    _check_equal(ordered)
    heights = np.array([frame.height_mm for frame in ordered])
    # a new position begins wherever the height grows by more than rounding
    starts = np.flatnonzero(np.diff(heights, prepend=-np.inf) > _SAME_PLACE_MM)
    places = [list(ordered[a:b]) for a, b in zip(starts, [*starts[1:], len(ordered)], strict=True)]
    volume = [_choose_frame(place, places, choice) for place in places]
    _check_even([frame.height_mm for frame in volume])
    return volume


def compute_affine(volume: Sequence[Frame]) -> NDArray[np.float64]:
    """Return the matrix, (4, 4), from (slice, row, column) indices to mm in RAS+ coordinates.

    Args:
        volume: frames as `stack_frames` returns them.

    Raises:
        UnusableVolume: a single slice of unknown thickness.
    """
    first, last = volume[0], volume[-1]
    if len(volume) > 1:
        # from the positions: SliceThickness leaves out the gaps between slices
        step = (last.position - first.position) / (len(volume) - 1)
    elif np.isfinite(first.thickness_mm):
        step = np.cross(first.along_columns, first.along_rows) * first.thickness_mm
    else:
        raise UnusableVolume("a single slice of unknown thickness")
    matrix = np.eye(4)
    matrix[:3, 0] = step * _TO_RAS
    matrix[:3, 1] = first.along_rows * first.pixel_mm[0] * _TO_RAS
    matrix[:3, 2] = first.along_columns * first.pixel_mm[1] * _TO_RAS
    matrix[:3, 3] = first.position * _TO_RAS
    return matrix


def _check_equal(frames: Sequence[Frame]) -> None:
    first = frames[0]
    for frame in frames:
        if frame.matrix != first.matrix:
            raise UnusableVolume(
                "slices with different matrices: "
                f"{_format_size(first.matrix)} and {_format_size(frame.matrix)}"
            )
        if not np.allclose(frame.pixel_mm, first.pixel_mm, rtol=1e-3):
            pair = f"{_format_size(first.pixel_mm)} and {_format_size(frame.pixel_mm)} mm"
            raise UnusableVolume(f"slices with different pixel sizes: {pair}")
        directions = np.stack([frame.along_columns, frame.along_rows])
        if not np.allclose(directions, (first.along_columns, first.along_rows), atol=1e-3):
            raise UnusableVolume("slices with different directions, as in a localiser")


def _format_size(pair: tuple[float, float]) -> str:
    return f"{pair[0]:g}×{pair[1]:g}"


def _choose_frame(place: list[Frame], places: Sequence[list[Frame]], choice: int | None) -> Frame:
    """Return the frame of one position, of which all must hold equally many."""
    counts = {len(other) for other in places}
    if counts == {1}:
        return place[0]
    if len(counts) > 1:
        raise UnusableVolume(
            f"{min(counts)} to {max(counts)} images at one position, so some are missing"
        )
    count = len(place)
    if choice is None or not 0 <= choice < count:
        raise UnusableVolume(
            f"{count} images at each position (echoes or time points); choose one with frame=0 to "
            f"frame={count - 1}"
        )
    return sorted(place, key=lambda frame: frame.order)[choice]


def _check_even(heights: Sequence[float]) -> None:
    gaps = np.diff(heights)
    if len(gaps) == 0 or gaps.max() <= _UNEVEN_RATIO * gaps.min():
        return
    widest, narrowest = f"{gaps.max():.3g} mm", f"{gaps.min():.3g}"
    if gaps.max() > _MISSING_RATIO * gaps.min():
        position = f"after slice {int(gaps.argmax()) + 1} of {len(heights)}"
        raise UnusableVolume(
            f"slices are missing: a gap of {widest} {position}, elsewhere {narrowest} mm"
        )
    raise UnusableVolume(f"uneven spacing of the slices: {narrowest} to {widest}")
