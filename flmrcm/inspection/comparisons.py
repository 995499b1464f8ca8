"""Suspicions from comparing a volume with the others: rotated, too bright, or present twice."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import TypeVar

import numpy as np

from flmrcm.inspection.volume_facts import VolumeFacts

OUTLIER_FACTOR = 10.0
"""A volume may be this many times brighter or darker than the median of its site."""

Finding = tuple[int, str]
"""Index of a volume, and what is suspicious about it."""

_MIN_VOLUMES = 3  # among fewer volumes there is no majority to differ from
_HASH = re.compile(r"(?=.*[a-f])[0-9a-f]{8,}")
"""What the hashes of `flmrcm prepare` look like; a number such as 00012345 is no hash."""

Key = TypeVar("Key", bound=Hashable)


def find_other_orientation(volumes: Sequence[VolumeFacts]) -> Iterator[Finding]:
    """Yield volumes whose `orientation` differs from most others of their site and contrast."""
    for members in _group_by(volumes, lambda facts: facts.place.group).values():
        orientations = {
            index: orientation
            for index in members
            if (orientation := volumes[index].provenance.orientation)
        }
        usual = _find_majority(list(orientations.values()))
        for index, orientation in orientations.items():
            if usual not in (None, orientation):
                yield index, f"its orientation is {orientation}, most others here have {usual}"


def find_transposed(volumes: Sequence[VolumeFacts]) -> Iterator[Finding]:
    """Yield volumes whose height and width are the width and height of most others."""
    for members in _group_by(volumes, lambda facts: facts.place.group).values():
        sizes = {index: size for index in members if (size := volumes[index].size)}
        usual = _find_majority(list(sizes.values()))
        for index, size in sizes.items():
            if usual is not None and size != usual and size == usual[::-1]:
                height, width = size
                yield index, f"{height} × {width}, most others here {width} × {height}: rotated?"


def find_brightness_outliers(volumes: Sequence[VolumeFacts]) -> Iterator[Finding]:
    """Yield volumes more than ten times brighter or darker than the median of their site."""
    for members in _group_by(volumes, lambda facts: facts.place.group).values():
        levels = {
            index: measures.bright
            for index in members
            if (measures := volumes[index].measures) and not measures.is_blank
        }
        enough = len(levels) >= _MIN_VOLUMES
        usual = float(np.median(list(levels.values()))) if enough else 0.0
        for index, level in levels.items():
            if usual > 0 and not 1 / OUTLIER_FACTOR <= level / usual <= OUTLIER_FACTOR:
                yield index, f"{_format_ratio(level / usual)} as bright as the median volume here"


def find_duplicates(volumes: Sequence[VolumeFacts]) -> Iterator[Finding]:
    """Yield volumes that have the same k-space values as another, whatever their names."""

    def checksum(facts: VolumeFacts) -> str | None:
        return facts.measures.checksum if facts.measures and not facts.measures.is_blank else None

    for members in _group_by(volumes, checksum).values():
        for index, others in _pair_with_others(members):
            copies = [volumes[other] for other in others]
            other_split = any(copy.place.split != volumes[index].place.split for copy in copies)
            start = (
                "the same images as"
                if volumes[index].is_whole
                else "the slices that were read are the same as in"
            )
            ending = ": another split!" if other_split else ""
            yield index, f"{start} {_name_volumes(copies)}{ending}"


def find_split_patients(volumes: Sequence[VolumeFacts]) -> Iterator[Finding]:
    """Yield volumes whose patient also has a volume in another split, by `patient_id`.

    Ids that are hashes are compared between sites too, other ids only within a site.
    """

    def person(facts: VolumeFacts) -> tuple[str, str] | None:
        patient = facts.provenance.patient_id
        if not patient or not facts.place.split:
            return None
        # two hospitals may both call somebody 001, but they don't find the same hash by chance
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
"""Kind of suspicion → rule: takes all volumes and yields the suspicious ones."""


def _group_by(
    volumes: Sequence[VolumeFacts], key: Callable[[VolumeFacts], Key | None]
) -> dict[Key, list[int]]:
    """Return the indices of the volumes of each key; volumes whose key is None are left out."""
    groups: defaultdict[Key, list[int]] = defaultdict(list)
    for index, facts in enumerate(volumes):
        if (value := key(facts)) is not None:
            groups[value].append(index)
    return groups


def _pair_with_others(members: Sequence[int]) -> Iterator[tuple[int, list[int]]]:
    """Yield each member with all others; nothing if there is one member only."""
    if len(members) > 1:
        for index in members:
            yield index, [other for other in members if other != index]


def _find_majority(values: Sequence[Key]) -> Key | None:
    """Return the value that more than half of the volumes have, if there are at least three."""
    if len(values) < _MIN_VOLUMES:
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
