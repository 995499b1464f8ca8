"""The split of each subject: train, val or test. Once assigned, it never changes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Protocol

from flmrcm.data.source import SPLITS
from flmrcm.errors import ConfigErrors, DataLayoutError, require
from flmrcm.files import expand_home
from flmrcm.seeding import seed_for

CSV_HEADER = "patient_id,split"


class SplitRule(Protocol):
    """Assigns subjects to splits."""

    def assign(self, subjects: Mapping[str, str], recorded: Mapping[str, str]) -> dict[str, str]:
        """Return patient id → split, for recorded subjects and all others that get a split.

        Args:
            subjects: patient id → name of the subject in the files.
            recorded: patient id → split of earlier calls, which stays as it is.
        """
        ...


@dataclass(frozen=True)
class SplitByShare:
    """Assigns each subject at random, independently: subjects added later change no other one.

    The random number of a subject, in [0, 1), depends on the seed and its name alone. A split that
    would be empty takes the new subject with the nearest number from a split that has several.

    Args:
        shares: fraction of train, val and test; their sum is 1.
        seed: seed of the random numbers.

    Raises:
        ConfigErrors: fractions below 0, or their sum isn't 1.
    """

    shares: Mapping[str, float]
    seed: int = 0

    def __post_init__(self) -> None:
        total = sum(self.shares.values())
        holds = min(self.shares.values()) >= 0 and abs(total - 1) < 1e-6
        text = f"give fractions of at least 0 that add up to 1; got {dict(self.shares)}."
        require({"split": (holds, text)})

    def assign(self, subjects: Mapping[str, str], recorded: Mapping[str, str]) -> dict[str, str]:
        """See `SplitRule`."""
        places = {
            patient: seed_for("split", self.seed, subject) / 2**32
            for patient, subject in subjects.items()
            if patient not in recorded
        }
        assigned = dict(recorded) | {p: self._choose_split(place) for p, place in places.items()}
        for split in (split for split, share in self.shares.items() if share > 0):
            if split not in assigned.values():
                self._fill_split(split, assigned, places)
        return assigned

    def _compute_ends(self) -> dict[str, tuple[float, float]]:
        """Return split → its interval [first, end) of the numbers from 0 to 1."""
        ends = list(accumulate(self.shares.values(), initial=0.0))
        return {name: (ends[i], ends[i + 1]) for i, name in enumerate(self.shares)}

    def _choose_split(self, place: float) -> str:
        inside = [
            name for name, (first, end) in self._compute_ends().items() if first <= place < end
        ]
        # by rounding, 0.7 + 0.2 + 0.1 may end slightly below 1
        return inside[0] if inside else [n for n, share in self.shares.items() if share > 0][-1]

    def _fill_split(
        self, split: str, assigned: dict[str, str], places: Mapping[str, float]
    ) -> None:
        """Move one new subject into an empty split, from a split that has several."""
        first, end = self._compute_ends()[split]
        members = list(assigned.values())
        movable = [patient for patient in places if members.count(assigned[patient]) > 1]
        if movable:
            distance = {p: max(first - places[p], places[p] - end) for p in movable}
            assigned[min(movable, key=lambda patient: (distance[patient], patient))] = split


@dataclass(frozen=True)
class SplitByList:
    """Assigns subjects by lists; a subject in no list gets no split.

    Args:
        lists: split → names of the subjects in the files.

    Raises:
        ConfigErrors: a subject in two lists.
    """

    lists: Mapping[str, Sequence[str]]

    def __post_init__(self) -> None:
        problems: list[str] = []
        split_of: dict[str, str] = {}
        for split, subjects in self.lists.items():
            for subject in dict.fromkeys(subjects):
                if subject in split_of:
                    problems.append(
                        f"split: subject '{subject}' is in {split_of[subject]} and in {split}; "
                        "list it in one of them."
                    )
                split_of[subject] = split
        if problems:
            raise ConfigErrors(problems)

    def assign(self, subjects: Mapping[str, str], recorded: Mapping[str, str]) -> dict[str, str]:
        """See `SplitRule`.

        Raises:
            DataLayoutError: a list contradicts the split of an earlier call.
        """
        split_of = {name: split for split, names in self.lists.items() for name in names}
        listed = {patient: split_of[name] for patient, name in subjects.items() if name in split_of}
        for patient, split in listed.items():
            if recorded.get(patient, split) != split:
                raise DataLayoutError(
                    f"split: subject '{subjects[patient]}' is in {recorded[patient]} in the output "
                    f"folder, but in {split} in the lists; give another output folder."
                )
        return dict(recorded) | listed


def read_subject_list(path: Path) -> list[str]:
    """Return the subjects of a text file with one subject per line.

    Raises:
        ConfigErrors: the file can't be read.
    """
    try:
        lines = expand_home(path).read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigErrors([f"split: the list {path} can't be read ({error})."]) from None
    return [line.strip() for line in lines if line.strip()]


def format_splits(assigned: Mapping[str, str]) -> str:
    """Return the text of `splits.csv`: patient ids and splits, sorted by id."""
    return "\n".join([CSV_HEADER, *(f"{p},{s}" for p, s in sorted(assigned.items())), ""])


def parse_splits(text: str, path: Path) -> dict[str, str]:
    """Return patient id → split from the text that `format_splits` returns.

    Args:
        text: content of the file.
        path: path of the file, for error messages.

    Raises:
        DataLayoutError: another header, an unknown split, or a subject in two splits.
    """
    header, *lines = text.splitlines() or [""]
    if header != CSV_HEADER:
        raise DataLayoutError(f"{path}: the first line must be '{CSV_HEADER}'.")
    assigned: dict[str, str] = {}
    for line in lines:
        patient, _, split = line.partition(",")
        if split not in SPLITS:
            raise DataLayoutError(f"{path}: '{line}' names none of {', '.join(SPLITS)}.")
        _check_one_split(path, patient, {assigned.setdefault(patient, split), split})
    return assigned


def refuse_crossing(folder: Path, volumes: Iterable[tuple[str, str]]) -> None:
    """Raise an error if a subject is in two splits.

    Args:
        folder: the output folder, for the message.
        volumes: (patient id, split) of the files on disk and the rows of `splits.csv`.

    Raises:
        DataLayoutError: a subject is in two splits.
    """
    split_of: dict[str, str] = {}
    for patient, split in volumes:
        _check_one_split(folder, patient, {split_of.setdefault(patient, split), split})


def _check_one_split(path: Path, patient: str, splits: set[str]) -> None:
    if len(splits) > 1:
        raise DataLayoutError(
            f"{path}: subject {patient} is in {' and in '.join(sorted(splits))}, but a network "
            "must not be tested on people it was trained on; move or delete the files of one split."
        )
