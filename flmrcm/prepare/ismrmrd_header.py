"""The few numbers of an ISMRMRD header that say how large a pixel is, and how it was measured."""

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
"""All that may be written of a header: no name, no date, no institution."""


@dataclass(frozen=True)
class IsmrmrdHeader:
    """What is used of a header.

    Attributes:
        encoded_mm: field of view that was encoded, along readout and phase, oversampling included.
        recon_mm: field of view that is meant to be seen, along readout and phase.
        slice_mm: thickness of a slice.
        attributes: numbers of the protocol.
    """

    encoded_mm: tuple[float, float]
    recon_mm: tuple[float, float]
    slice_mm: float
    attributes: dict[str, float] = field(default_factory=dict[str, float])


def parse_header(xml: str | bytes) -> IsmrmrdHeader:
    """Reads an ISMRMRD header (Inati et al. 2017, doi:10.1002/mrm.26089), as fastMRI's files hold.

    Raises:
        ValueError: no XML, or a field of view is missing or not above 0.
    """
    try:
        root = ElementTree.fromstring(xml)  # noqa: S314  expat itself stops what would blow up
    except ElementTree.ParseError as error:
        raise ValueError(f"no XML: {error}") from None
    encoded, shown = (_read_fov(root, name) for name in ("encodedSpace", "reconSpace"))
    attributes = {name: _read_number(root, path) for name, path in _NUMBERS.items()}
    known = {name: value for name, value in attributes.items() if value is not None}
    return IsmrmrdHeader(encoded[:2], shown[:2], shown[2], known)


def _read_fov(root: ElementTree.Element, space: str) -> tuple[float, float, float]:
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
