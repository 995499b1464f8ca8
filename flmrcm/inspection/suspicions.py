"""What is suspicious about volumes: the rules on one alone; `comparisons` has the others."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from flmrcm.inspection.comparisons import COMPARISONS
from flmrcm.inspection.measures import VolumeMeasures
from flmrcm.inspection.volume_facts import VolumeFacts

CLIPPED_SHARE, CLIPPED_PIXELS = 1e-3, 10
"""A volume is clipped when over this share of its pixels, and at least so many, are its maximum."""
AGREEMENT_TOLERANCE = 1e-2
"""‖target − image of its k-space‖/‖target‖ up to which the two count as equal."""


class Suspicion(NamedTuple):
    """One thing a person should look at.

    Attributes:
        kind: a few words, for counts and pictures.
        text: the whole of it.
    """

    kind: str
    text: str


def find_suspicions(volumes: Sequence[VolumeFacts]) -> list[list[Suspicion]]:
    """Gives what is suspicious about each volume, in their order; mostly nothing."""
    found = [_check_alone(facts) for facts in volumes]
    for kind, rule in COMPARISONS.items():
        for index, text in rule(volumes):
            found[index].append(Suspicion(kind, text))
    return found


def _check_alone(facts: VolumeFacts) -> list[Suspicion]:
    found: list[Suspicion] = []
    if facts.problem:
        found.append(Suspicion("unreadable", facts.problem))
    if facts.header and not facts.header.target_key:
        found.append(Suspicion("no target", "no target beside the k-space"))
    if measures := facts.measures:
        texts = {kind: rule(measures) for kind, rule in MEASURE_RULES.items()}
        found += [Suspicion(kind, text) for kind, text in texts.items() if text]
    return found


def check_finite(measures: VolumeMeasures) -> str:
    """Finds NaN and infinity, in target and k-space."""
    return f"NaN or infinity in {measures.n_broken} of its values" if measures.n_broken else ""


def check_empty(measures: VolumeMeasures) -> str:
    """Finds volumes that are black throughout."""
    return "every pixel is zero" if measures.is_blank and measures.maximum == 0 else ""


def check_constant(measures: VolumeMeasures) -> str:
    """Finds volumes that are grey throughout."""
    return (
        f"every pixel is {measures.maximum:.3g}" if measures.is_blank and measures.maximum else ""
    )


def check_clipped(measures: VolumeMeasures) -> str:
    """Finds volumes many of whose pixels share the maximum: brighter ones were cut off."""
    share, n = measures.top_share, measures.n_top
    if measures.is_blank or share <= CLIPPED_SHARE or n < CLIPPED_PIXELS:
        return ""
    return f"{share:.1%} of the pixels are the maximum, {measures.maximum:.3g}"


def check_target(measures: VolumeMeasures) -> str:
    """Finds targets that aren't the centre of their k-space's image, units included."""
    agreement = measures.agreement
    if agreement is None or agreement.distance <= AGREEMENT_TOLERANCE:
        return ""
    if agreement.unexplained <= AGREEMENT_TOLERANCE:
        return f"the target is {agreement.factor:.4g} times its k-space's image: other units?"
    return f"the target isn't its k-space's image: they differ by {agreement.distance:.0%}"


MEASURE_RULES: Mapping[str, Callable[[VolumeMeasures], str]] = {
    "NaN or infinity": check_finite,
    "empty": check_empty,
    "constant": check_constant,
    "clipped": check_clipped,
    "other target": check_target,
}
"""Kind → rule: what is suspicious about a volume's measures, or nothing."""
