"""The pixels of DICOM files: decoded, rescaled, and dark where there is no signal."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.errors import InvalidDicomError
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.utils import pixel_array
from pydicom.uid import UID

from flmrcm.prepare.dicom_fields import get_number, get_text, silence_pydicom
from flmrcm.prepare.dicom_frames import Frame, is_mosaic, wrap_mosaic
from flmrcm.prepare.scan import UnusableVolume, get_first_line

INSTALL_HINT = "pip install 'flmrcm[dicom]'"
_READ_ERRORS = (OSError, EOFError, ValueError, AttributeError, RuntimeError, NotImplementedError)


VALUES = {
    "rescaled": ("RescaleSlope", "RescaleIntercept"),
    "real_world": ("RealWorldValueSlope", "RealWorldValueIntercept"),
}
"""Name → fields of slope and intercept. Philips gives both: the first are those of the display."""


def read_pixels(volume: Sequence[Frame], values: str = "rescaled") -> NDArray[np.float32]:
    """Return the values of a volume, float32, (slices, rows, columns), after slope and intercept.

    If the smallest value means white (MONOCHROME1), values are inverted: the darkest voxel is 0.

    Args:
        volume: frames in the order of the slices.
        values: rescaled | real_world.

    Raises:
        UnusableVolume: a file that is truncated, in colour, or compressed in a way that no
            installed decoder can read; the message names it. No real-world values, though asked.
    """
    with silence_pydicom():
        # a file of many frames is opened once, not once per frame
        parts = [
            _read_file_pixels(path, [frame.index for frame in frames], values)
            for path, frames in groupby(volume, key=lambda frame: frame.path)
        ]
    image = np.concatenate([values for values, _ in parts])
    if any(inverted for _, inverted in parts):
        image = image.max() - image
    return image


def _read_file_pixels(
    path: Path, indices: list[int], kind: str
) -> tuple[NDArray[np.float32], bool]:
    """Return some frames of a file, (slices, rows, columns), and whether they are inverted."""
    try:
        dataset = pydicom.dcmread(path)
        _check_readable(dataset)
        if is_mosaic(dataset):
            values = np.moveaxis(wrap_mosaic(dataset).get_data(), -1, 0)[indices]
        else:
            values = np.stack(list(_rescale_frames(dataset, indices, kind)))
    except UnusableVolume as problem:
        raise UnusableVolume(f"{path.name}: {problem}") from None
    except (InvalidDicomError, *_READ_ERRORS) as error:
        # pydicom adds guesses at the cause after the dash
        line = get_first_line(error).split(" - ")[0]
        raise UnusableVolume(f"{path.name}: its pixels can't be read ({line})") from None
    inverted = get_text(dataset, "PhotometricInterpretation") == "MONOCHROME1"
    return values.astype(np.float32), inverted


def _rescale_frames(
    dataset: pydicom.Dataset, indices: list[int], kind: str
) -> Iterator[NDArray[np.float64]]:
    for index in indices:
        raw = pixel_array(dataset, index=index)
        slope, intercept = (get_number(dataset, keyword, index) for keyword in VALUES[kind])
        if slope is None and kind == "real_world":
            raise UnusableVolume("holds no slope of real-world values; use values=rescaled")
        yield raw * (1.0 if slope is None else slope) + (intercept or 0.0)


def _check_readable(dataset: pydicom.Dataset) -> None:
    if "PixelData" not in dataset:
        raise UnusableVolume("holds no pixels")
    if (get_number(dataset, "SamplesPerPixel") or 1) != 1:
        raise UnusableVolume("a picture in colour, not measured values")
    syntax = UID(dataset.file_meta.TransferSyntaxUID)
    if not syntax.is_encapsulated:
        return
    try:
        decodable = get_decoder(syntax).is_available
    except NotImplementedError:
        decodable = False
    if not decodable:
        raise UnusableVolume(
            f"compressed as {syntax.name}, but no decoder for it is installed; {INSTALL_HINT}"
        )
