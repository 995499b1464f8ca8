"""How an institution scans: its pulse sequences and the rest of its protocol."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from flmrcm.errors import require
from flmrcm.mri.signal import Tissue, mprage, spgr, spin_echo
from flmrcm.simulation.tissues import FIELD_STRENGTHS


class PulseSequence(ABC):
    """The signal of each tissue; times in ms, angles in degrees."""

    @abstractmethod
    def compute_signal(self, tissue: Tissue) -> Tensor:
        """Return the signal, float32, in the shape of the tissue's tensors.

        At most the proton density; negative if the magnetisation is still inverted at the echo.
        """


@dataclass(frozen=True)
class SpinEcho(PulseSequence):
    """A spin echo: short TR and TE give T1 contrast, long ones T2 contrast.

    Args:
        tr: repetition time, ms.
        te: echo time, ms.
    """

    tr: float
    te: float

    def __post_init__(self) -> None:
        _check_rules(self, **_make_echo_rules(self.tr, self.te))

    def compute_signal(self, tissue: Tissue) -> Tensor:
        """See `flmrcm.mri.signal.spin_echo`."""
        return spin_echo(tissue, self.tr, self.te)


@dataclass(frozen=True)
class Spgr(PulseSequence):
    """A spoiled gradient echo.

    Args:
        tr: repetition time, ms.
        te: echo time, ms.
        flip: excitation angle, degrees.
    """

    tr: float
    te: float
    flip: float

    def __post_init__(self) -> None:
        _check_rules(self, **_make_echo_rules(self.tr, self.te), **_make_flip_rule(self.flip))

    def compute_signal(self, tissue: Tissue) -> Tensor:
        """See `flmrcm.mri.signal.spgr`."""
        return spgr(tissue, self.tr, self.te, self.flip)


@dataclass(frozen=True)
class Mprage(PulseSequence):
    """An inversion followed by a train of small pulses.

    Args:
        tr: time from inversion to inversion, ms.
        ti: time from the inversion to the middle of the train, ms.
        flip: angle of each pulse, degrees.
        pulses: number of pulses in a train.
        spacing: time from pulse to pulse, ms.
    """

    tr: float
    ti: float
    flip: float
    pulses: int = 160
    spacing: float = 7.0

    def __post_init__(self) -> None:
        half = self.pulses * self.spacing / 2
        _check_rules(
            self,
            ti=(half <= self.ti, f"at least half the train, {half} ms; got {self.ti}."),
            tr=(
                self.ti + half <= self.tr,
                f"at least ti + half the train, {self.ti + half} ms; got {self.tr}.",
            ),
            pulses=(
                self.pulses > 0 < self.spacing,
                f"pulses and spacing above 0; got {self.pulses}, {self.spacing}.",
            ),
            **_make_flip_rule(self.flip),
        )

    def compute_signal(self, tissue: Tissue) -> Tensor:
        """See `flmrcm.mri.signal.mprage`."""
        return mprage(tissue, self.tr, self.ti, self.flip, self.pulses, self.spacing)


@dataclass(frozen=True)
class ScanProtocol:
    """Everything in which the images of institutions differ.

    Args:
        tesla: field strength, 1.5 or 3.0.
        sequences: contrast → pulse sequence, e.g. of T1 and T2.
        field_mm: side of the square field of view, mm.
        thickness_mm: thickness of a slice, mm.
        stripped: whether everything outside the brain is removed.
        bias: strength of a smooth random shading; 0.1 is about 10 %.
        shading: additional brightness at the edge of the field of view; 1 is twice as bright as
            the centre.
        phase: strength of a smooth random phase, radians.
        resolution: fraction of the k-space radius that was acquired, in (0, 1].
        snr: median brain signal divided by the standard deviation of the noise in the real part.

    Raises:
        ConfigErrors: fields outside their range, all of them together.
    """

    tesla: float
    sequences: Mapping[str, PulseSequence]
    field_mm: float = 230.0
    thickness_mm: float = 1.0
    stripped: bool = False
    bias: float = 0.05
    shading: float = 0.0
    phase: float = 0.5
    resolution: float = 1.0
    snr: float = 40.0

    def __post_init__(self) -> None:
        strengths = ", ".join(map(str, FIELD_STRENGTHS))
        rules = {
            "tesla": (self.tesla in FIELD_STRENGTHS, f"use one of {strengths}"),
            "sequences": (len(self.sequences) > 0, "at least one contrast, e.g. T1"),
            "field_mm": (160 <= self.field_mm <= 300, "160 to 300"),
            "thickness_mm": (0 < self.thickness_mm <= 10, "above 0, up to 10"),
            "bias": (0 <= self.bias <= 1, "0 to 1"),
            "shading": (0 <= self.shading <= 5, "0 to 5"),
            "phase": (self.phase >= 0, "at least 0"),
            "resolution": (0 < self.resolution <= 1, "above 0, up to 1"),
            "snr": (self.snr > 0, "above 0"),
        }
        require(
            {
                f"protocol.{key}": (holds, f"{allowed}; got {getattr(self, key)}.")
                for key, (holds, allowed) in rules.items()
            }
        )


def _check_rules(sequence: PulseSequence, **rules: tuple[bool, str]) -> None:
    require({f"{type(sequence).__name__}.{key}": rule for key, rule in rules.items()})


def _make_echo_rules(tr: float, te: float) -> dict[str, tuple[bool, str]]:
    return {"te": (0 <= te < tr, f"at least 0 and below tr={tr}; got {te}.")}


def _make_flip_rule(flip: float) -> dict[str, tuple[bool, str]]:
    return {"flip": (0 < flip <= 90, f"above 0, up to 90 degrees; got {flip}.")}
