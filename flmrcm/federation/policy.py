"""A site's border: its policy says what may pass, its own ledger books what has passed."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import get_args

from flmrcm.errors import ConfigErrors, SiteRefuses, require, suggest_nearest
from flmrcm.federation.engine import Op
from flmrcm.federation.ledger import METRICS, TO_SITE, Ledger, LedgerEntry, list_received, list_sent
from flmrcm.strategies.base import Strategy
from flmrcm.types import Broadcast, Reply

OPERATIONS: tuple[Op, ...] = get_args(Op)
IMAGES = "images"
_MIB = 2**20


@dataclass(frozen=True)
class SitePolicy:
    """What a site allows, whatever a run asks; written at the site, read at the site.

    Images can't be allowed: none of the messages carries them, and a site with a policy is never
    the target of a strategy that shows its images to others.

    Args:
        operations: some of survey, train, evaluate, judge; the last is of test volumes, asked for
            only where the coordinator's machine can't read them.
        payloads: kinds of objects that may leave: `weights`, `metrics`, `latents`, … .
        strategies: classes of algorithms it takes part in (`FedAvg`, `FLMRCM`); None takes any.
            The class counts, since a run may call its strategy what it likes.
        largest_message: MiB in one message or reply; None allows any.
        most_calls: operation → how often in all, over every restart; others have no limit.

    Raises:
        ConfigErrors: an unknown operation, images among the payloads, or a limit that is none.
    """

    operations: Sequence[str] = OPERATIONS
    payloads: Sequence[str] = ("weights", METRICS)
    strategies: Sequence[str] | None = None
    largest_message: float | None = None
    most_calls: Mapping[str, int] = field(default_factory=dict[str, int])

    def __post_init__(self) -> None:
        problems = [
            f"{key}: {op} is no operation; use some of {', '.join(OPERATIONS)}."
            f"{suggest_nearest(op, OPERATIONS)}"
            for key, ops in (("operations", self.operations), ("most_calls", self.most_calls))
            for op in ops
            if op not in OPERATIONS
        ]
        if IMAGES in self.payloads:
            problems.append("payloads: images never leave a site; take them out.")
        if problems:
            raise ConfigErrors(problems)
        largest, calls = self.largest_message, self.most_calls
        counts = all(type(n) is int and n >= 0 for n in calls.values())
        require(
            {
                "largest_message": (
                    largest is None or largest > 0,
                    f"above 0, or null; got {largest}.",
                ),
                "most_calls": (counts, f"whole numbers, at least 0; got {dict(calls)}."),
            }
        )

    def find_refusal(self, op: Op, strategy: Strategy, calls: int) -> str | None:
        """Gives why a call isn't answered, in one sentence; None where it's allowed.

        Args:
            op: what is asked.
            strategy: the run's.
            calls: how often the operation was asked before.
        """
        kind, most = type(strategy).__name__, self.most_calls.get(op, calls + 1)
        if op not in self.operations:
            return f"{op} isn't among its operations ({', '.join(self.operations)})."
        if self.strategies is not None and kind not in self.strategies:
            return f"{kind} isn't among its strategies ({', '.join(self.strategies)})."
        return f"{op} was asked {calls} times, {most} are allowed." if calls >= most else None

    def find_size_refusal(self, entries: Sequence[LedgerEntry]) -> str | None:
        """Gives why a message or a reply doesn't pass as too large; None where it does."""
        held, largest = sum(entry.bytes for entry in entries) / _MIB, self.largest_message
        if largest is None or held <= largest:
            return None
        return f"{held:.1f} MiB are more than {largest:g} (largest_message)."

    def find_payload_refusal(self, entries: Sequence[LedgerEntry]) -> str | None:
        """Gives why a reply doesn't leave; None where it does."""
        forbidden = sorted({entry.kind for entry in entries} - set(self.payloads))
        if not forbidden:
            return self.find_size_refusal(entries)
        return f"{', '.join(forbidden)} isn't among its payloads ({', '.join(self.payloads)})."


class PolicyGate:
    """Lets pass what the policy allows, and books all that passes in the site's ledger.

    Args:
        site: its name.
        policy: None allows everything, and books it all the same.
        ledger: the site's.
    """

    def __init__(
        self, site: str, policy: SitePolicy | None = None, ledger: Ledger | None = None
    ) -> None:
        self.site, self.policy, self.ledger = site, policy, ledger or Ledger()
        self._asked: Counter[str] = Counter()

    def admit(self, op: Op, strategy: Strategy, message: Broadcast) -> None:
        """Books a message that came, and asks the policy whether it's answered.

        Raises:
            SiteRefuses: with the policy's reason.
        """
        entries, calls = list(list_sent(op, self.site, message)), self._count_earlier(op)
        self.ledger.write(entries)
        self._asked[op] = calls + 1
        if self.policy is not None:
            self._check(
                self.policy.find_refusal(op, strategy, calls)
                or self.policy.find_size_refusal(entries)
            )

    def release(self, op: Op, round_: int, reply: Reply) -> None:
        """Books a reply that leaves.

        Raises:
            SiteRefuses: the policy keeps it at home; nothing is booked.
        """
        entries = list(list_received(op, round_, reply))
        if self.policy is not None:
            self._check(self.policy.find_payload_refusal(entries))
        self.ledger.write(entries)

    def _count_earlier(self, op: Op) -> int:
        """Counts where there's a limit, by the book: other processes answer for this site, too."""
        if self.policy is None or op not in self.policy.most_calls:
            return 0
        return max(self._asked[op], _count_calls(self.ledger.read())[op])

    def _check(self, objection: str | None) -> None:
        if objection is not None:
            raise SiteRefuses(f"refused by its house policy: {objection}")


def _count_calls(entries: Sequence[LedgerEntry]) -> Counter[str]:
    """Gives how often each operation was asked, by the object that came most often."""
    came = Counter((e.op, e.kind, e.name) for e in entries if e.way == TO_SITE)
    calls: Counter[str] = Counter()
    for (op, _, _), times in came.items():
        calls[op] = max(calls[op], times)
    return calls
