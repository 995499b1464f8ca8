"""The whole of a preparation: find, deal to splits, do what is missing, say what was done."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any

from flmrcm.data.source import SPLITS
from flmrcm.errors import DataLayoutError
from flmrcm.prepare.output_folder import OutputFolder
from flmrcm.prepare.pseudonyms import build_volume_name, hash_subject
from flmrcm.prepare.scan import FoundVolume, UnusableVolume, VolumeSource
from flmrcm.prepare.splits import SplitRule
from flmrcm.prepare.task_pool import run_tasks
from flmrcm.prepare.volume_task import VolumeOutcome, VolumeTask, VolumeWorker

_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")
"""Sites and contrasts become folders."""


@dataclass(frozen=True)
class PreparationPlan:
    """What there is to do.

    Attributes:
        tasks: every volume that belongs in the output, in the order they're begun.
        done: rows of the journal, by volume, of those that are there.
        splits: patient id → split, of all subjects ever found.
        skipped: why files that were found can't be used, one line each.
        unlisted: subjects that no given list names.
        salt: of the names.
    """

    tasks: Sequence[VolumeTask]
    done: Mapping[str, Mapping[str, Any]]
    splits: Mapping[str, str]
    skipped: Sequence[str]
    unlisted: int
    salt: str

    @property
    def missing(self) -> list[VolumeTask]:
        """The tasks that aren't done."""
        return [task for task in self.tasks if task.volume not in self.done]


@dataclass(frozen=True)
class Preparation:
    """From a source to a folder.

    Args:
        source: finds and reads.
        folder: prepared into.
        division: deals subjects to splits.
        worker: does one volume.
        site: the name of a source without sub-sites.
        salt: of the names; None keeps the folder's or draws one.
        limit: subjects at most; None takes all.
    """

    source: VolumeSource
    folder: OutputFolder
    division: SplitRule
    worker: VolumeWorker
    site: str
    salt: str | None = None
    limit: int | None = None

    def plan(self) -> PreparationPlan:
        """Finds what there is and what of it is done; reads no image, writes nothing.

        Raises:
            DataLayoutError: nothing to prepare, or a subject that would cross splits.
        """
        found, skipped = _separate_skipped(self.source.find())
        if not found:
            more = f" {skipped[0]} ({len(skipped)} such lines)" if skipped else ""
            raise DataLayoutError(f"there's nothing to prepare: no volume was found.{more}")
        salt = self.folder.salt(self.salt)
        subjects = {hash_subject(volume.subject, salt): volume.subject for volume in found}
        splits = self.division.assign(subjects, self.folder.read_splits())
        listed = [volume for volume in found if hash_subject(volume.subject, salt) in splits]
        tasks, doubles = _drop_duplicates(
            [self._make_task(volume, salt, splits) for volume in listed]
        )
        unlisted = len(subjects.keys() - splits.keys())
        if not tasks:
            raise DataLayoutError("split: the lists name none of the subjects found.")
        chosen = _limit_subjects(tasks, self.limit)
        return PreparationPlan(
            chosen, self.folder.done(), splits, [*skipped, *doubles], unlisted, salt
        )

    def run(self, plan: PreparationPlan, processes: int = 1) -> Iterator[VolumeOutcome]:
        """Does what is missing and notes each volume once it's whole; the folder must be held.

        Raises:
            WorkerLost: a worker process was killed.
            OSError: the device is full or refuses.
        """
        self.folder.write_splits(plan.salt, plan.splits)
        for outcome in run_tasks(self.worker, plan.missing, processes):
            if outcome.row:
                self.folder.add_row(outcome.row)
            yield outcome

    def _make_task(self, found: FoundVolume, salt: str, splits: Mapping[str, str]) -> VolumeTask:
        patient, name = hash_subject(found.subject, salt), build_volume_name(found, salt)
        site = found.site or self.site
        return VolumeTask(found, self.folder.path, patient, name, splits[patient], site)


def _separate_skipped(
    everything: Iterator[FoundVolume | UnusableVolume],
) -> tuple[list[FoundVolume], list[str]]:
    found: list[FoundVolume] = []
    skipped: list[str] = []
    for item in everything:
        if isinstance(item, UnusableVolume):
            skipped.append(str(item))
        elif unsafe := [w for w in (item.site or "-", item.contrast) if not _is_safe(w)]:
            skipped.append(f"{item.paths[0]}: '{unsafe[0]}' can't be the name of a folder")
        else:
            found.append(item)
    return found, skipped


def _is_safe(word: str) -> bool:
    return word == "-" or _SAFE.fullmatch(word) is not None


def _drop_duplicates(tasks: Sequence[VolumeTask]) -> tuple[list[VolumeTask], list[str]]:
    """The first of tasks that would write one file, and a line for every other."""
    first: dict[str, VolumeTask] = {}
    problems: list[str] = []
    for task in tasks:
        other = first.setdefault(task.volume, task)
        if other is not task:
            problems.append(
                f"{task.found.paths[0]}: is of the same subject and contrast as "
                f"{other.found.paths[0]}; a scan_pattern may tell them apart"
            )
    return list(first.values()), problems


def _limit_subjects(tasks: Sequence[VolumeTask], limit: int | None) -> list[VolumeTask]:
    """All volumes of the first subjects, taken from the splits in turn: few ones reach each."""
    by_split: dict[str, dict[str, list[VolumeTask]]] = {split: {} for split in SPLITS}
    for task in tasks:
        by_split[task.split].setdefault(task.patient, []).append(task)
    in_turn = chain.from_iterable(zip_longest(*(group.values() for group in by_split.values())))
    subjects = [volumes for volumes in in_turn if volumes is not None]
    return list(chain.from_iterable(subjects[:limit]))


def anonymise_outcomes(skipped: Sequence[VolumeOutcome]) -> list[dict[str, str]]:
    """Gives volume and reason of those that were skipped, without a path or a subject."""
    return sorted(
        ({"volume": outcome.task.volume, "reason": outcome.reason} for outcome in skipped),
        key=lambda entry: entry["volume"],
    )
