"""What is suspicious about a volume among the others: it's turned, too bright, or here twice."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import TypeVar

import numpy as np

from flmrcm.inspection.volume_facts import VolumeFacts

OUTLIER_FACTOR = 10.0
"""A volume's brightness may be this many times its site's median, or one over it."""

Finding = tuple[int, str]
"""A volume's index, and what is suspicious about it."""

_FEWEST = 3  # volumes among which one can be the odd one out
_HASH = re.compile(r"(?=.*[a-f])[0-9a-f]{8,}")

Key = TypeVar("Key", bound=Hashable)


def find_other_orientation(volumes: Sequence[VolumeFacts]) -> Iterator[Finding]:
    """Finds volumes whose `orientation` isn't that of most others of their site and contrast."""
    for members in _group_by(volumes, lambda facts: facts.place.group).values():
        ways = {index: volumes[index].provenance.orientation for index in members}
        ways = {index: way for index, way in ways.items() if way}
        usual = _find_majority(list(ways.values()))
        for index, way in ways.items():
            if usual not in (None, way):
                yield index, f"its orientation is {way}, of most others here {usual}"


def find_transposed(volumes: Sequence[VolumeFacts]) -> Iterator[Finding]:
    """Finds volumes whose height and width are the width and height of most others here."""
    for members in _group_by(volumes, lambda facts: facts.place.group).values():
        sizes = {index: size for index in members if (size := volumes[index].size)}
        usual = _find_majority(list(sizes.values()))
        for index, size in sizes.items():
            if usual is not None and size != usual and size == usual[::-1]:
                height, width = size
                yield index, f"{height} × {width}, most others here {width} × {height}: turned?"


def find_brightness_outliers(volumes: Sequence[VolumeFacts]) -> Iterator[Finding]:
    """Finds volumes over ten times brighter or darker than their site's median."""
    for members in _group_by(volumes, lambda facts: facts.place.group).values():
        levels = {
            index: measures.bright
            for index in members
            if (measures := volumes[index].measures) and not measures.is_blank
        }
        usual = float(np.median(list(levels.values()))) if len(levels) >= _FEWEST else 0.0
        for index, level in levels.items():
            if usual > 0 and not 1 / OUTLIER_FACTOR <= level / usual <= OUTLIER_FACTOR:
                yield index, f"{_format_ratio(level / usual)} as bright as the median volume here"


def find_duplicates(volumes: Sequence[VolumeFacts]) -> Iterator[Finding]:
    """Finds volumes with the same k-space values as another, whatever their names."""

    def checksum(facts: VolumeFacts) -> str | None:
        return facts.measures.checksum if facts.measures and not facts.measures.is_blank else None

    for members in _group_by(volumes, checksum).values():
        for index, others in _pair_with_others(members):
            twins = [volumes[other] for other in others]
            far = any(twin.place.split != volumes[index].place.split for twin in twins)
            what = "the same images as" if volumes[index].is_whole else "equal in what was read to"
            yield index, f"{what} {_name_volumes(twins)}{': another split!' if far else ''}"


def find_split_patients(volumes: Sequence[VolumeFacts]) -> Iterator[Finding]:
    """Finds people who are in two splits: their `patient_id` is the same.

    Ids that are hashes are compared between sites too; others, such as `001`, within a site.
    """

    def person(facts: VolumeFacts) -> tuple[str, str] | None:
        patient = facts.provenance.patient_id
        if not patient or not facts.place.split:
            return None
        return ("" if _HASH.fullmatch(patient) else facts.place.site), patient

    for members in _group_by(volumes, person).values():
        for index, others in _pair_with_others(members):
            split = volumes[index].place.split
            elsewhere = [volumes[i] for i in others if volumes[i].place.split != split]
            if elsewhere:
                yield index, f"the same patient_id as {_name_volumes(elsewhere)}: another split!"


COMPARISONS: Mapping[str, Callable[[Sequence[VolumeFacts]], Iterator[Finding]]] = {
    "orientation": find_other_orientation,
    "transposed": find_transposed,
    "brightness": find_brightness_outliers,
    "duplicate": find_duplicates,
    "patient in two splits": find_split_patients,
}
"""Kind → rule: from all volumes to the suspicious ones."""


def _group_by(
    volumes: Sequence[VolumeFacts], key: Callable[[VolumeFacts], Key | None]
) -> dict[Key, list[int]]:
    """Gives the volumes' indices by key; those whose key is None are left out."""
    groups: defaultdict[Key, list[int]] = defaultdict(list)
    for index, facts in enumerate(volumes):
        if (found := key(facts)) is not None:
            groups[found].append(index)
    return groups


def _pair_with_others(members: Sequence[int]) -> Iterator[tuple[int, list[int]]]:
    if len(members) > 1:
        for index in members:
            yield index, [other for other in members if other != index]


def _find_majority(values: Sequence[Key]) -> Key | None:
    """Gives the value that more than half have, of at least three."""
    if len(values) < _FEWEST:
        return None
    value, count = Counter(values).most_common(1)[0]
    return value if 2 * count > len(values) else None


def _format_ratio(ratio: float) -> str:
    if ratio == 0:
        return "not at all"
    return f"{ratio:,.0f} times" if ratio > 1 else f"1/{1 / ratio:,.0f}"


def _name_volumes(volumes: Sequence[VolumeFacts]) -> str:
    more = f" and {len(volumes) - 1} more" if len(volumes) > 1 else ""
    return f"{volumes[0].place.label}{more}"
