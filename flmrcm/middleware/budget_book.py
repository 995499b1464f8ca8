"""A site's own account of the privacy that it has spent, over every run; its policy caps it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, NamedTuple, NoReturn

from flmrcm.csv_rows import append_row, read_rows
from flmrcm.errors import SiteRefuses
from flmrcm.federation.engine import TRAINING, Operation
from flmrcm.federation.middleware import Middleware, SiteHalf, SiteSide, Stage
from flmrcm.federation.workload import CallWork
from flmrcm.files import flush_files, hold_lock
from flmrcm.privacy.accountant import Spending, add_epsilon
from flmrcm.types import Memory, Reply


class BookEntry(NamedTuple):
    """A round of training whose result left the site.

    Attributes:
        time: in UTC.
        run: the run's folder at the site.
        round: counted from 0.
        rate: each volume's probability to be in a step.
        noise: in units of the clip.
        steps: optimizer steps.
        delta: the largest at which ε may be counted.
    """

    time: str
    run: str
    round: int
    rate: float
    noise: float
    steps: int
    delta: float

    @property
    def spending(self) -> Spending:
        """What the round spent."""
        return Spending(self.rate, self.noise, self.steps)


@dataclass(frozen=True)
class BudgetBook(Middleware):
    """Adds up what a site's runs spend, and refuses training that would go beyond its policy.

    Rounds are counted as they leave: one that a resumed run trains again counts twice, for both
    results may be known. All are counted at the smallest δ that any run used, at most 1/(10 N).

    Args:
        path: the file; None keeps none, and then a cap counts nothing but the coming round.
        largest_epsilon: ε over every run, of noise that nobody can compute again; None allows
            any training, also without noise.
    """

    stage: ClassVar[Stage] = Stage.POLICY

    path: Path | None = None
    largest_epsilon: float | None = None

    def build_site_half(self, side: SiteSide) -> SiteHalf:
        """Return the half that counts."""
        return _Account(self, side)

    def read(self) -> list[BookEntry]:
        """Return all entries.

        Raises:
            DataLayoutError: a damaged line; named with its number.
        """
        if self.path is None or not self.path.exists():
            return []
        return read_rows(self.path, BookEntry._fields, _parse)

    def add_up(self, work: CallWork) -> float:
        """Return ε of all entries and of a coming round, that has a `spending`."""
        entries = self.read()
        delta = min([e.delta for e in entries] + [work.delta, 0.1 / max(work.volumes, 1)])
        coming = [work.spending] if work.spending else []
        return add_epsilon([*(e.spending for e in entries), *coming], delta)


class _Account(SiteHalf):
    def __init__(self, book: BudgetBook, side: SiteSide) -> None:
        self.book, self.run = book, side.folder.parent.parent.name if side.folder else ""
        self._coming: CallWork | None = None

    def check_work(self, op: Operation, work: CallWork) -> None:
        if op in TRAINING:
            self._coming = work
            self._check_cap(work)

    def _check_cap(self, work: CallWork) -> None:
        largest = self.book.largest_epsilon
        if largest is None:
            return
        if work.spending is None:
            _refuse(f"training without privacy=dp_volume has no ε, {largest:g} is allowed")
        if not work.secure:  # whoever chose the seed would take the noise away
            _refuse("seeded noise has no ε towards the run's owner; privacy.secure_randomness=true")
        if (epsilon := self.book.add_up(work)) > largest:
            _refuse(f"ε would be {epsilon:.3g} over all runs, {largest:g} is allowed")

    def after(self, op: Operation, round_: int, reply: Reply, memory: Memory) -> Reply:
        work, path = self._coming, self.book.path
        if op == "train" and path is not None and work is not None and work.spending is not None:
            now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            entry = BookEntry(now, self.run, round_, *work.spending, work.delta)
            with hold_lock(path.with_name(f"{path.name}.lock")):
                self._check_cap(work)  # another run may have spent while this one trained
                append_row(path, BookEntry._fields, entry)
                flush_files([path])  # before the reply leaves
        self._coming = None  # a reply that only asks for its message again has cost nothing
        return reply


def _refuse(text: str) -> NoReturn:
    raise SiteRefuses(f"refused by its site policy: privacy: {text} (largest_epsilon).", "privacy")


def _parse(fields: Sequence[str]) -> BookEntry:
    when, run, round_, rate, noise, steps, delta = fields
    return BookEntry(when, run, int(round_), float(rate), float(noise), int(steps), float(delta))
