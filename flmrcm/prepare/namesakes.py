"""Subjects who may be one person: their names differ only in case, leading zeros or separators."""

import re
from collections.abc import Iterable
from itertools import chain, combinations

from flmrcm.prepare.volume_task import VolumeTask

_RUNS = re.compile(r"[^\W\d_]+|\d+")


def find_split_namesakes(tasks: Iterable[VolumeTask]) -> list[tuple[VolumeTask, VolumeTask]]:
    """Return a volume of each of two alike subjects in different splits, for all such pairs.

    Nobody knows whether `Sub-7` and `sub_007` are one person; in two splits, a network would be
    tested on somebody it was trained on.
    """
    alike: dict[tuple[str, ...], dict[str, VolumeTask]] = {}
    for task in tasks:
        alike.setdefault(_simplify(task.found.subject), {}).setdefault(task.patient, task)
    pairs = chain.from_iterable(combinations(people.values(), 2) for people in alike.values())
    return [(one, other) for one, other in pairs if one.split != other.split]


def _simplify(subject: str) -> tuple[str, ...]:
    """Return the words and numbers of a name; the name itself where it has none."""
    runs: list[str] = _RUNS.findall(subject.casefold())
    return tuple(run.lstrip("0") or "0" for run in runs) or (subject,)
