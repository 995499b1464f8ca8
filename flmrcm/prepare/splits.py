"""Who is trained on and who is judged: by subject, and once said, for good."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Protocol

from flmrcm.data.source import SPLITS
from flmrcm.errors import ConfigErrors, DataLayoutError, require
from flmrcm.seeding import seed_for

CSV_HEADER = "patient_id,split"


class SplitRule(Protocol):
    """Deals subjects to splits."""

    def assign(self, subjects: Mapping[str, str], recorded: Mapping[str, str]) -> dict[str, str]:
        """Gives the split of every subject that has one, those recorded before as they were.

        Args:
            subjects: patient id → subject, as the files name it.
            recorded: patient id → split, from an earlier call; never changed.
        """
        ...


@dataclass(frozen=True)
class SplitByShare:
    """Deals each subject by its own draw, so that who comes later moves nobody.

    A subject's place in [0, 1) depends on the seed and its name alone. Where a split with a share
    would stay empty, it takes the new subject whose place is nearest from a split that has two.

    Args:
        shares: of train, val and test, together 1.
        seed: of the draw.

    Raises:
        ConfigErrors: shares below 0 or not adding up to 1.
    """

    shares: Mapping[str, float]
    seed: int = 0

    def __post_init__(self) -> None:
        total = sum(self.shares.values())
        holds = min(self.shares.values()) >= 0 and abs(total - 1) < 1e-6
        text = f"shares of at least 0 that add up to 1; got {dict(self.shares)}."
        require({"split": (holds, text)})

    def assign(self, subjects: Mapping[str, str], recorded: Mapping[str, str]) -> dict[str, str]:
        """See `Division`."""
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
        ends = list(accumulate(self.shares.values(), initial=0.0))
        return {name: (ends[i], ends[i + 1]) for i, name in enumerate(self.shares)}

    def _choose_split(self, place: float) -> str:
        inside = [
            name for name, (first, end) in self._compute_ends().items() if first <= place < end
        ]
        # 0.7 + 0.2 + 0.1 may end a hair below 1
        return inside[0] if inside else [n for n, share in self.shares.items() if share > 0][-1]

    def _fill_split(
        self, split: str, assigned: dict[str, str], places: Mapping[str, float]
    ) -> None:
        """Moves one of the new subjects into an empty split, where one can be spared."""
        first, end = self._compute_ends()[split]
        members = list(assigned.values())
        spare = [patient for patient in places if members.count(assigned[patient]) > 1]
        if spare:
            away = {p: max(first - places[p], places[p] - end) for p in spare}
            assigned[min(spare, key=lambda patient: (away[patient], patient))] = split


@dataclass(frozen=True)
class SplitByList:
    """Deals subjects as lists say; who is in no list is left out.

    Args:
        lists: split → subjects, as the files name them.

    Raises:
        ConfigErrors: a subject in two lists.
    """

    lists: Mapping[str, Sequence[str]]

    def __post_init__(self) -> None:
        problems: list[str] = []
        seen: dict[str, str] = {}
        for split, subjects in self.lists.items():
            for subject in dict.fromkeys(subjects):
                if subject in seen:
                    problems.append(
                        f"split: subject '{subject}' is in {seen[subject]} and in {split}; "
                        "a person belongs in one."
                    )
                seen[subject] = split
        if problems:
            raise ConfigErrors(problems)

    def assign(self, subjects: Mapping[str, str], recorded: Mapping[str, str]) -> dict[str, str]:
        """See `Division`.

        Raises:
            DataLayoutError: a list contradicts what was recorded.
        """
        asked = {name: split for split, names in self.lists.items() for name in names}
        listed = {patient: asked[name] for patient, name in subjects.items() if name in asked}
        for patient, split in listed.items():
            if recorded.get(patient, split) != split:
                raise DataLayoutError(
                    f"subject '{subjects[patient]}' was put into {recorded[patient]} before, the "
                    f"lists now say {split}; take another output folder."
                )
        return dict(recorded) | listed


def read_subject_list(path: Path) -> list[str]:
    """Gives the subjects of a file with one a line.

    Raises:
        ConfigErrors: no such file.
    """
    try:
        lines = path.expanduser().read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigErrors([f"split: the list {path} can't be read ({error})."]) from None
    return [line.strip() for line in lines if line.strip()]


def format_splits(assigned: Mapping[str, str]) -> str:
    """Gives `splits.csv`: hashes and splits, sorted, the same bytes for the same subjects."""
    return "\n".join([CSV_HEADER, *(f"{p},{s}" for p, s in sorted(assigned.items())), ""])


def parse_splits(text: str, path: Path) -> dict[str, str]:
    """Gives what `as_csv` wrote.

    Raises:
        DataLayoutError: another header, no such split, or a subject in two of them.
    """
    header, *lines = text.splitlines() or [""]
    if header != CSV_HEADER:
        raise DataLayoutError(f"{path}: the first line must be '{CSV_HEADER}'.")
    assigned: dict[str, str] = {}
    for line in lines:
        patient, _, split = line.partition(",")
        if split not in SPLITS:
            raise DataLayoutError(f"{path}: '{line}' names none of {', '.join(SPLITS)}.")
        _refuse_second_split(path, patient, {assigned.setdefault(patient, split), split})
    return assigned


def refuse_crossing(folder: Path, volumes: Iterable[tuple[str, str]]) -> None:
    """Checks what lies on disk: nobody's volumes are in two splits.

    Args:
        folder: for the message.
        volumes: (patient id, split), also those that `splits.csv` says.

    Raises:
        DataLayoutError: somebody's are.
    """
    seen: dict[str, str] = {}
    for patient, split in volumes:
        _refuse_second_split(folder, patient, {seen.setdefault(patient, split), split})


def _refuse_second_split(where: Path, patient: str, splits: set[str]) -> None:
    if len(splits) > 1:
        raise DataLayoutError(
            f"{where}: subject {patient} is in {' and in '.join(sorted(splits))}; nobody may be "
            "trained on and judged on. Move or delete the files of one split."
        )
