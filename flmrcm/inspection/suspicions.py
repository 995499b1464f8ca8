"""Suspicions about volumes: the rules for a single volume; `comparisons` holds the others."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from flmrcm.data.targets import MOST_INSIDE_CUT
from flmrcm.inspection.comparisons import COMPARISONS
from flmrcm.inspection.measures import VolumeMeasures
from flmrcm.inspection.volume_facts import VolumeFacts

CLIPPED_SHARE, CLIPPED_PIXELS = 1e-3, 10
"""A volume is clipped if more than this fraction and at least this number of its pixels are equal
to its maximum."""
HOT_RATIO = 3
"""A maximum this many times the 99.9th percentile comes from a few hot pixels, not from tissue."""
AGREEMENT_TOLERANCE = 1e-2
"""‖target − image of its k-space‖ / ‖target‖ up to which the two count as equal."""
OFF_CENTER_EXCESS = 2.0
"""A peak is off the centre if its column has more than this many times the energy found there."""


class Suspicion(NamedTuple):
    """A reason to look at a volume.

    Attributes:
        kind: one to four words, for counts and pictures.
        text: the full explanation.
    """

    kind: str
    text: str


def find_suspicions(volumes: Sequence[VolumeFacts]) -> list[list[Suspicion]]:
    """Return the suspicions about each volume, in the order of `volumes`; an empty list is good."""
    suspicions = [_check_alone(facts) for facts in volumes]
    for kind, rule in COMPARISONS.items():
        for index, text in rule(volumes):
            suspicions[index].append(Suspicion(kind, text))
    return suspicions


def _check_alone(facts: VolumeFacts) -> list[Suspicion]:
    suspicions: list[Suspicion] = []
    if facts.problem:
        suspicions.append(Suspicion("unreadable", facts.problem))
    signs = facts.sampling.undersampling if facts.sampling else ""
    if signs:
        use = facts.mask_problem or "only mask=file takes it as it is"
        suspicions.append(Suspicion("undersampled", f"undersampled k-space: {signs}; {use}"))
    if facts.header and not facts.header.target_key:
        use = "; with mask=file it's reconstructed, not scored" if signs else ""
        suspicions.append(Suspicion("no target", f"no target beside the k-space{use}"))
    if (cut := facts.provenance.inside_cut or 0.0) > MOST_INSIDE_CUT:
        text = f"the preparation left out {cut:.0%} of the slices inside the patient"
        suspicions.append(Suspicion("slices left out", text))
    if measures := facts.measures:
        texts = {kind: rule(measures) for kind, rule in MEASURE_RULES.items()}
        if facts.sampling and facts.sampling.has_gaps:
            # the image of undersampled k-space is no target; every other image is another
            texts["other target"] = check_undersampled_target(measures)
        suspicions += [Suspicion(kind, text) for kind, text in texts.items() if text]
    return suspicions


def check_finite(measures: VolumeMeasures) -> str:
    """Return a text if target or k-space hold NaN or infinity."""
    return f"NaN or infinity in {measures.n_broken} of its values" if measures.n_broken else ""


def check_empty(measures: VolumeMeasures) -> str:
    """Return a text if every pixel is zero."""
    return "every pixel is zero" if measures.is_blank and measures.maximum == 0 else ""


def check_constant(measures: VolumeMeasures) -> str:
    """Return a text if every pixel has the same value, but not zero."""
    return (
        f"every pixel is {measures.maximum:.3g}" if measures.is_blank and measures.maximum else ""
    )


def check_clipped(measures: VolumeMeasures) -> str:
    """Return a text if many pixels are equal to the maximum: brighter values were cut off."""
    share, n = measures.top_share, measures.n_top
    if measures.is_blank or share <= CLIPPED_SHARE or n < CLIPPED_PIXELS:
        return ""
    return f"{share:.1%} of the pixels are the maximum, {measures.maximum:.3g}"


def check_hot(measures: VolumeMeasures) -> str:
    """Return a text if a few pixels are far brighter than all others: PSNR follows them alone."""
    if measures.is_blank or measures.maximum <= HOT_RATIO * measures.brightest:
        return ""
    times = measures.maximum / measures.brightest if measures.brightest > 0 else np.inf
    return f"the maximum is {times:.1f} times the 99.9th percentile: a few hot pixels"


def check_target(measures: VolumeMeasures) -> str:
    """Return a text if the target isn't the central part of its k-space's image, units included."""
    agreement = measures.agreement
    if agreement is None or agreement.distance <= AGREEMENT_TOLERANCE:
        return ""
    if agreement.unexplained <= AGREEMENT_TOLERANCE:
        return f"the target is {agreement.factor:.4g} times its k-space's image: other units?"
    return f"the target isn't its k-space's image: they differ by {agreement.distance:.0%}"


def check_undersampled_target(measures: VolumeMeasures) -> str:
    """Return a text if the target is the image of undersampled k-space."""
    agreement = measures.agreement
    if agreement is None or agreement.unexplained > AGREEMENT_TOLERANCE:
        return ""
    return "the target was made from undersampled k-space: it's what networks start from"


def check_peak(measures: VolumeMeasures) -> str:
    """Return a text if the peak of the k-space isn't among the columns that masks always keep."""
    peak = measures.peak
    if peak.excess <= OFF_CENTER_EXCESS:
        return ""
    return (
        f"the peak of its k-space is {abs(peak.columns)} columns off the centre, where masks don't "
        "keep it: prepare it with center=true"
    )


MEASURE_RULES: Mapping[str, Callable[[VolumeMeasures], str]] = {
    "NaN or infinity": check_finite,
    "empty": check_empty,
    "constant": check_constant,
    "clipped": check_clipped,
    "hot pixels": check_hot,
    "other target": check_target,
    "off centre": check_peak,
}
"""Kind of suspicion → rule: takes the measures of a volume and returns a text, empty if good."""
