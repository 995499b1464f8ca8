"""A whole preparation: find the volumes, assign splits, prepare what is missing."""

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
"""Names of sites and contrasts become names of folders, so they must hold no other characters."""


@dataclass(frozen=True)
class PreparationPlan:
    """The work of a preparation.

    Attributes:
        tasks: every volume of the output, in the order in which they are prepared.
        done: volume → row of the journal, for the finished ones.
        splits: patient id → split, for all subjects of this and earlier calls.
        skipped: one line for each file that can't be used, with the reason.
        unlisted: number of subjects that are in no list of the config.
        salt: salt of the names.
    """

    tasks: Sequence[VolumeTask]
    done: Mapping[str, Mapping[str, Any]]
    splits: Mapping[str, str]
    skipped: Sequence[str]
    unlisted: int
    salt: str

    @property
    def missing(self) -> list[VolumeTask]:
        """The tasks that aren't finished."""
        return [task for task in self.tasks if task.volume not in self.done]


@dataclass(frozen=True)
class Preparation:
    """A preparation from a source into a folder.

    Args:
        source: finds and reads the original volumes.
        folder: output folder.
        split_rule: assigns subjects to splits.
        worker: prepares one volume.
        site: name of the site, for a source without sub-sites.
        salt: salt of the names; None uses that of the folder, or draws one.
        limit: largest number of subjects; None prepares all.
    """

    source: VolumeSource
    folder: OutputFolder
    split_rule: SplitRule
    worker: VolumeWorker
    site: str
    salt: str | None = None
    limit: int | None = None

    def plan(self) -> PreparationPlan:
        """Return the volumes of the input and what is finished; read no image, write nothing.

        Raises:
            DataLayoutError: nothing to prepare, or a subject would be in two splits.
        """
        volumes, skipped = _separate_skipped(self.source.find())
        if not volumes:
            more = f" {skipped[0]} ({len(skipped)} such lines)" if skipped else ""
            raise DataLayoutError(f"there is nothing to prepare: no volume was found.{more}")
        salt = self.folder.choose_salt(self.salt)
        subjects = {hash_subject(volume.subject, salt): volume.subject for volume in volumes}
        splits = self.split_rule.assign(subjects, self.folder.read_splits())
        assigned = [volume for volume in volumes if hash_subject(volume.subject, salt) in splits]
        tasks, duplicates = _drop_duplicates(
            [self._make_task(volume, salt, splits) for volume in assigned]
        )
        unlisted = len(subjects.keys() - splits.keys())
        if not tasks:
            raise DataLayoutError("split: no subject of the input is in the lists.")
        return PreparationPlan(
            _limit_subjects(tasks, self.limit),
            self.folder.read_journal(),
            splits,
            [*skipped, *duplicates],
            unlisted,
            salt,
        )

    def run(self, plan: PreparationPlan, processes: int = 1) -> Iterator[VolumeOutcome]:
        """Prepare the missing volumes and yield their outcomes; call it inside `folder.lock`.

        Args:
            plan: as `plan` returns it.
            processes: number of processes; 1 uses this process.

        Raises:
            WorkerLost: a worker process was killed.
            OSError: the disk is full or can't be written to.
        """
        self.folder.write_splits(plan.salt, plan.splits)
        for outcome in run_tasks(self.worker, plan.missing, processes):
            # only now: the journal lists volumes whose files are complete
            if outcome.row:
                self.folder.add_row(outcome.row)
            yield outcome

    def _make_task(self, volume: FoundVolume, salt: str, splits: Mapping[str, str]) -> VolumeTask:
        patient, name = hash_subject(volume.subject, salt), build_volume_name(volume, salt)
        site = volume.site or self.site
        return VolumeTask(volume, self.folder.path, patient, name, splits[patient], site)


def _separate_skipped(
    items: Iterator[FoundVolume | UnusableVolume],
) -> tuple[list[FoundVolume], list[str]]:
    """Return the usable volumes, and a line for each other one."""
    volumes: list[FoundVolume] = []
    skipped: list[str] = []
    for item in items:
        if isinstance(item, UnusableVolume):
            skipped.append(str(item))
        elif unsafe := [n for n in (item.site or "-", item.contrast) if not _is_safe(n)]:
            skipped.append(f"{item.paths[0]}: '{unsafe[0]}' can't be the name of a folder")
        else:
            volumes.append(item)
    return volumes, skipped


def _is_safe(name: str) -> bool:
    return name == "-" or _SAFE.fullmatch(name) is not None


def _drop_duplicates(tasks: Sequence[VolumeTask]) -> tuple[list[VolumeTask], list[str]]:
    """Return the first task of each output file, and a line for each other one."""
    first: dict[str, VolumeTask] = {}
    problems: list[str] = []
    for task in tasks:
        other = first.setdefault(task.volume, task)
        if other is not task:
            problems.append(
                f"{task.found.paths[0]}: has the same subject and contrast as "
                f"{other.found.paths[0]}; a scan_pattern may give them different names"
            )
    return list(first.values()), problems


def _limit_subjects(tasks: Sequence[VolumeTask], limit: int | None) -> list[VolumeTask]:
    """Return all volumes of a few subjects, alternating between the splits: none stays empty."""
    by_split: dict[str, dict[str, list[VolumeTask]]] = {split: {} for split in SPLITS}
    for task in tasks:
        by_split[task.split].setdefault(task.patient, []).append(task)
    alternating = zip_longest(*(group.values() for group in by_split.values()))
    subjects = [tasks for tasks in chain.from_iterable(alternating) if tasks is not None]
    return list(chain.from_iterable(subjects[:limit]))


def anonymise_outcomes(skipped: Sequence[VolumeOutcome]) -> list[dict[str, str]]:
    """Return volume and reason of the skipped ones, without paths and subjects, sorted."""
    return sorted(
        ({"volume": outcome.task.volume, "reason": outcome.reason} for outcome in skipped),
        key=lambda entry: entry["volume"],
    )
