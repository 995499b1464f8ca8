"""How the slices of a series make one even volume, and where it lies."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from flmrcm.prepare.dicom_frames import Frame
from flmrcm.prepare.scan import UnusableVolume

_SAME_PLACE_MM = 0.01
_MISSING_RATIO, _UNEVEN_RATIO = 1.5, 1.05
"""Widest gap over narrowest: above the first slices are missing, above the second it's uneven."""

_TO_RAS = np.array([-1.0, -1.0, 1.0])
"""DICOM counts x to the left and y to the back, affines here to the right and to the front."""


def stack_frames(frames: Iterable[Frame], choice: int | None) -> list[Frame]:
    """Gives one frame for each place, sorted along the slices' normal.

    Args:
        frames: of a series, in any order.
        choice: which of several frames at each place, from 0, by echo time, then time point, then
            instance number; None where there's one.

    Raises:
        Skipped: frames that don't make one even volume: other matrices, pixels or directions,
            several at a place and no choice, gaps.
    """
    ordered = sorted(frames, key=lambda frame: frame.height_mm)
    _require_equal(ordered)
    heights = np.array([frame.height_mm for frame in ordered])
    starts = np.flatnonzero(np.diff(heights, prepend=-np.inf) > _SAME_PLACE_MM)
    places = [list(ordered[a:b]) for a, b in zip(starts, [*starts[1:], len(ordered)], strict=True)]
    volume = [_choose_frame(place, places, choice) for place in places]
    _require_even([frame.height_mm for frame in volume])
    return volume


def compute_affine(volume: Sequence[Frame]) -> NDArray[np.float64]:
    """Gives the (4, 4) matrix from (slice, row, column) indices to millimetres, RAS+.

    Args:
        volume: as `stack` gives it.

    Raises:
        Skipped: a single slice whose thickness nobody knows.
    """
    first, last = volume[0], volume[-1]
    if len(volume) > 1:
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


def _require_equal(frames: Sequence[Frame]) -> None:
    first = frames[0]
    for frame in frames:
        if frame.matrix != first.matrix:
            raise UnusableVolume(
                f"mixed matrices: {_format_size(first.matrix)} and {_format_size(frame.matrix)}"
            )
        if not np.allclose(frame.pixel_mm, first.pixel_mm, rtol=1e-3):
            pair = f"{_format_size(first.pixel_mm)} and {_format_size(frame.pixel_mm)} mm"
            raise UnusableVolume(f"mixed pixel sizes: {pair}")
        turned = (frame.along_columns, frame.along_rows), (first.along_columns, first.along_rows)
        if not np.allclose(*turned, atol=1e-3):
            raise UnusableVolume("mixed slice directions, as a localiser has")


def _format_size(pair: tuple[float, float]) -> str:
    return f"{pair[0]:g}×{pair[1]:g}"


def _choose_frame(place: list[Frame], places: Sequence[list[Frame]], choice: int | None) -> Frame:
    counts = {len(other) for other in places}
    if counts == {1}:
        return place[0]
    if len(counts) > 1:
        raise UnusableVolume(
            f"{min(counts)} to {max(counts)} images at a place, so some are missing"
        )
    count = len(place)
    if choice is None or not 0 <= choice < count:
        what = f"{count} images at each place (echoes or time points)"
        raise UnusableVolume(f"{what}; choose one with frame=0 to frame={count - 1}")
    return sorted(place, key=lambda frame: frame.order)[choice]


def _require_even(heights: Sequence[float]) -> None:
    gaps = np.diff(heights)
    if len(gaps) == 0 or gaps.max() <= _UNEVEN_RATIO * gaps.min():
        return
    widest, narrowest = f"{gaps.max():.3g} mm", f"{gaps.min():.3g}"
    if gaps.max() > _MISSING_RATIO * gaps.min():
        where = f"after slice {int(gaps.argmax()) + 1} of {len(heights)}"
        raise UnusableVolume(
            f"slices are missing: a gap of {widest} {where}, elsewhere {narrowest} mm"
        )
    raise UnusableVolume(f"uneven slices: from {narrowest} to {widest} apart")
