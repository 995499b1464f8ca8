"""The few numbers of an ISMRMRD header that are used: fields of view, lines, scan parameters."""

from dataclasses import dataclass, field
from xml.etree import ElementTree

_SPACE = "{*}encoding/{*}"
_NUMBERS = {
    "field_strength_t": "{*}acquisitionSystemInformation/{*}systemFieldStrength_T",
    "repetition_time_ms": "{*}sequenceParameters/{*}TR",
    "echo_time_ms": "{*}sequenceParameters/{*}TE",
    "inversion_time_ms": "{*}sequenceParameters/{*}TI",
    "flip_angle_deg": "{*}sequenceParameters/{*}flipAngle_deg",
}
"""Attribute → path in the header. Nothing else of it is written: no name, date or institution."""


@dataclass(frozen=True)
class IsmrmrdHeader:
    """The numbers of a header that are used.

    Attributes:
        encoded_mm: encoded field of view along readout and phase, mm, with oversampling.
        recon_mm: field of view of the final image along readout and phase, mm.
        slice_mm: thickness of a slice, mm.
        attributes: scan parameters.
    """

    encoded_mm: tuple[float, float]
    recon_mm: tuple[float, float]
    slice_mm: float
    attributes: dict[str, float] = field(default_factory=dict[str, float])


def parse_header(xml: str | bytes) -> IsmrmrdHeader:
    """Return the numbers of an ISMRMRD header (Inati et al. 2017, doi:10.1002/mrm.26089).

    Raises:
        ValueError: it is no XML, or a field of view is missing or not above 0.
    """
    root = _parse_xml(xml)
    encoded, recon = (_read_fov(root, name) for name in ("encodedSpace", "reconSpace"))
    attributes = {name: _read_number(root, path) for name, path in _NUMBERS.items()}
    known = {name: value for name, value in attributes.items() if value is not None}
    return IsmrmrdHeader(encoded[:2], recon[:2], recon[2], known)


def find_encoded_lines(xml: str | bytes, n_lines: int) -> tuple[int, int] | None:
    """Return (first, end) of the phase-encoding lines that the header says were encoded.

    Zero frequency, the header's centre, lies at `n_lines // 2`; lines outside are padding.

    Args:
        xml: the header.
        n_lines: number of lines in the k-space.

    Returns:
        None if the header doesn't say it, or says what doesn't fit.

    Raises:
        ValueError: it is no XML.
    """
    root, path = _parse_xml(xml), "{*}encoding/{*}encodingLimits/{*}kspace_encoding_step_1/{*}"
    center, maximum = (_read_number(root, path + name) for name in ("center", "maximum"))
    if center is None or maximum is None:
        return None
    first = n_lines // 2 - int(center)
    end = first + int(maximum) + 1
    return (first, end) if 0 <= first < end <= n_lines else None


def find_recon_matrix(xml: str | bytes) -> tuple[int, int] | None:
    """Return rows and columns of the final image, along readout and phase; None if not said.

    Raises:
        ValueError: it is no XML.
    """
    root, path = _parse_xml(xml), f"{_SPACE}reconSpace/{{*}}matrixSize/{{*}}"
    rows, columns = (_read_number(root, path + axis) for axis in "xy")
    return (int(rows), int(columns)) if rows and columns and min(rows, columns) >= 1 else None


def _parse_xml(xml: str | bytes) -> ElementTree.Element:
    try:
        # expat itself refuses the entity expansions that would fill the memory
        return ElementTree.fromstring(xml)  # noqa: S314
    except ElementTree.ParseError as error:
        raise ValueError(f"no XML: {error}") from None


def _read_fov(root: ElementTree.Element, space: str) -> tuple[float, float, float]:
    """Return a field of view along readout, phase and slice, mm."""
    path = f"{_SPACE}{space}/{{*}}fieldOfView_mm/{{*}}"
    x, y, z = (_read_number(root, f"{path}{axis}") for axis in "xyz")
    if x is None or y is None or z is None or min(x, y, z) <= 0:
        raise ValueError(f"no {space} fieldOfView_mm above 0")
    return x, y, z


def _read_number(root: ElementTree.Element, path: str) -> float | None:
    try:
        return float(root.findtext(path, ""))
    except ValueError:
        return None
