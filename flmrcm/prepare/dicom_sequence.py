"""What a DICOM header says about a measurement, and whether its name's contrast fits that."""

import re
from typing import NamedTuple

from pydicom import Dataset

from flmrcm.prepare.contrast import Verdict
from flmrcm.prepare.dicom_fields import get_number, get_text, get_words

_NO_AGENT = re.compile(r"\W*((n|no|non|none|nil|n/?a|0|false|kein\w*|nein|ohne|without|w/?o)\b.*)?")
"""What is typed into the field ContrastBolusAgent where there was none."""


class SequenceFields(NamedTuple):
    """What a header says about the measurement; None or empty where it says nothing.

    Attributes:
        echo_ms: echo time.
        repetition_ms: repetition time.
        inversion_ms: inversion time.
        agent: name of the contrast agent.
        is_echo_planar: whether it's echo-planar imaging, as for functional and diffusion images.
        is_gradient_echo: whether all echoes are gradient echoes.
        weighting: `DIFFUSION`, `T2_STAR`, …: AcquisitionContrast of enhanced files.
    """

    echo_ms: float | None = None
    repetition_ms: float | None = None
    inversion_ms: float | None = None
    agent: str = ""
    is_echo_planar: bool = False
    is_gradient_echo: bool = False
    weighting: str = ""

    @property
    def has_agent(self) -> bool:
        """Whether a contrast agent was given."""
        return not _NO_AGENT.fullmatch(self.agent.lower())


class _Limits(NamedTuple):
    """Shortest and longest times of a contrast, ms, at any field strength; generous."""

    echo: tuple[float, float] = (0, 1e4)
    repetition: tuple[float, float] = (0, 1e5)
    inversion: tuple[float, float] = (0, 1e5)


_ECHO_PLANAR = re.compile(r"\*?epi?(fid|se|ir|h|[23]d|\d|_|$)", re.IGNORECASE)
"""Siemens' and others' SequenceName of echo-planar imaging: `*epfid2d1_64`, `*ep_b1000`."""

# An MPRAGE repeats within 3 s after an inversion of about 1 s; a T1 TSE within 1.5 s. Cerebrospinal
# fluid is dark after 1.5 s (0.06 T) to 2.8 s (7 T). Shorter echoes than 40 ms show no T2.
_LIMITS = {
    "T1": _Limits((0, 35), (0, 4000), (0, 1400)),
    "T2": _Limits((40, 1e4), (800, 1e5), (0, 0)),
    "FLAIR": _Limits((50, 1e4), (3000, 1e5), (1200, 3500)),
    "PD": _Limits((0, 60), (800, 1e5), (0, 0)),
}

_OTHER_WEIGHTINGS = {
    "DIFFUSION", "PERFUSION", "T2_STAR", "FLOW_ENCODED", "TAGGING", "TOF", "STIR", "SPECTROSCOPY",
}  # fmt: skip


def read_sequence(dataset: Dataset) -> SequenceFields:
    """Return what a classic or enhanced header says about its measurement."""
    codes, name = get_words(dataset, "ScanningSequence"), get_text(dataset, "SequenceName")
    echo = get_number(dataset, "EchoTime")
    inversion = get_number(dataset, "InversionTime")
    agents = (dataset, *(dataset.get("ContrastBolusAgentSequence") or []))
    texts = [get_text(agents[0], "ContrastBolusAgent")]
    texts += [get_text(item, "CodeMeaning") or "unnamed" for item in agents[1:]]
    return SequenceFields(
        echo if echo is not None else get_number(dataset, "EffectiveEchoTime"),
        get_number(dataset, "RepetitionTime"),
        inversion if inversion is not None else get_number(dataset, "InversionTimes"),
        agent=next(filter(None, texts), ""),
        is_echo_planar="EP" in codes
        or get_text(dataset, "EchoPlanarPulseSequence") == "YES"
        or bool(_ECHO_PLANAR.match(name or get_text(dataset, "PulseSequenceName"))),
        is_gradient_echo=("GR" in codes and "SE" not in codes)
        or get_text(dataset, "EchoPulseSequence") == "GRADIENT",
        weighting=get_text(dataset, "AcquisitionContrast"),
    )


def check_sequence(verdict: Verdict, header: SequenceFields) -> Verdict:
    """Return the contrast if the header agrees, T1ce for a T1 with an agent, or a reason.

    Only the contrasts of `contrast.CONTRASTS` are checked.
    """
    contrast = verdict.contrast
    limits = _LIMITS.get(contrast.removesuffix("ce").removesuffix("FS"))
    if limits is None:
        return verdict
    if reason := _find_contradiction(contrast, limits, header):
        return Verdict("", reason)
    if contrast != "T1" or not header.has_agent:
        return verdict
    if verdict.agent == "before":
        return Verdict("", "named before a contrast agent, but its header holds one")
    return Verdict("T1ce")


def _find_contradiction(contrast: str, limits: _Limits, header: SequenceFields) -> str:
    if header.is_echo_planar:
        return "echo-planar images: functional, diffusion or perfusion"
    if header.weighting in _OTHER_WEIGHTINGS:
        return f"its header calls it {header.weighting}"
    if contrast == "T2" and header.is_gradient_echo:
        return "gradient echoes: a T2*, not a T2"
    for name, value, (low, high) in zip(
        ("echo", "repetition", "inversion"), header[:3], limits, strict=True
    ):
        # 0 is written where there is no inversion
        if value and not low <= value <= high:
            return f"named {contrast}, but its {name} time is {value:.4g} ms"
    return ""
