"""Whether a call may be answered at all: asked before anything is built or computed for it."""

import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from flmrcm.csv_rows import append_row, read_rows

_COLUMNS = ("time", "op", "round")


class CallRules(Protocol):
    """What a site's policy says of calls."""

    @property
    def most_calls(self) -> Mapping[str, int]:
        """Operation → calls in all."""
        ...

    def refuse_call(self, op: str, strategy: str, calls: int) -> None:
        """Raise an error for a call that is not allowed."""
        ...


class Admission:
    """Counts calls and asks a policy about each.

    Args:
        rules: the site's policy.
        book: a file beside the policy in which calls are counted, over every run and restart;
            None counts those of this process.
    """

    def __init__(self, rules: CallRules, book: Path | None = None) -> None:
        self.rules, self.book = rules, book
        self._calls: Counter[str] = Counter()

    def ask(self, op: str, strategy: str, round_: int) -> None:
        """Count a call, then raise an error where it is not allowed.

        Args:
            op: `join` or an operation.
            strategy: the class of the run's algorithm.
            round_: counted from 0.

        Raises:
            SiteRefuses: the policy forbids it.
            DataLayoutError, OSError: the file cannot be read or written.
        """
        self._calls[op] += 1  # refused calls count, too: a limit is not to be tried out
        if self.book is not None and self.rules.most_calls:
            now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            append_row(self.book, _COLUMNS, (now, op, round_))
        # counted once it is noted: of two processes that ask at once, neither overlooks the other
        self.rules.refuse_call(op, strategy, self._count(op) - 1)

    def _count(self, op: str) -> int:
        """Return the calls of an operation so far, this one among them where calls are limited."""
        if self.book is None or not self.rules.most_calls:
            return self._calls[op]
        # read anew: other processes answer for this site, too
        return read_rows(self.book, _COLUMNS, lambda fields: fields[1]).count(op)
