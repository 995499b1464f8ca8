"""A site's policy: what it allows, whatever a run wants; written and read at the site."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from flmrcm.errors import ConfigErrors, SiteRefuses, require, suggest_nearest
from flmrcm.federation.engine import OPERATIONS, Operation
from flmrcm.federation.middleware import Middleware, SiteHalf, SiteSide, Stage
from flmrcm.middleware.ledger import (
    LEDGER,
    METRICS,
    TO_SITE,
    Ledger,
    LedgerEntry,
    list_received,
    list_sent,
)
from flmrcm.strategies.base import Strategy
from flmrcm.types import Broadcast, Memory, Reply

IMAGES = "images"
_MIB = 2**20

_OLD_NAMES = {"evaluate": "validate", "judge": "test"}
"""Operations as version 0.1.0 calls them."""


@dataclass(frozen=True)
class SitePolicy:
    """What a site allows, whatever a run wants; written and read at the site.

    Images cannot be allowed: no message carries them, and a site with a policy is never the target
    of a strategy that shows its images to others.

    Args:
        operations: some of survey, train, validate, test; a site tests where the coordinator's
            machine cannot read its test volumes.
        payloads: kinds of objects that may leave the site: `weights`, `metrics`, `latents`, … .
        strategies: classes of algorithms it takes part in (`FedAvg`, `FLMRCM`); None allows any.
            The class counts, since a run may give its strategy any name.
        largest_message: MiB of tensors and numbers in one message or reply; None allows any.
        most_calls: operation → calls in all, over every restart; others have no limit.

    Raises:
        ConfigErrors: an unknown operation, images among the payloads, or a limit out of range.
    """

    operations: Sequence[str] = OPERATIONS
    payloads: Sequence[str] = ("weights", METRICS)
    strategies: Sequence[str] | None = None
    largest_message: float | None = None
    most_calls: Mapping[str, int] = field(default_factory=dict[str, int])

    def __post_init__(self) -> None:
        problems = [
            f"{key}: {op} is no operation; {_suggest(op)}"
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

    def find_refusal(self, op: Operation, strategy: Strategy, calls: int) -> str | None:
        """Return why a call is refused, in one sentence; None where it is allowed.

        Args:
            op: the operation.
            strategy: the run's.
            calls: earlier calls of this operation.
        """
        kind, most = type(strategy).__name__, self.most_calls.get(op, calls + 1)
        if op not in self.operations:
            return f"{op} isn't among its operations ({', '.join(self.operations)})."
        if self.strategies is not None and kind not in self.strategies:
            return f"{kind} isn't among its strategies ({', '.join(self.strategies)})."
        return f"{op} was called {calls} times, {most} are allowed." if calls >= most else None

    def find_size_refusal(self, entries: Sequence[LedgerEntry]) -> str | None:
        """Return why a message or reply is refused as too large; None where it is not."""
        held, largest = sum(entry.bytes for entry in entries) / _MIB, self.largest_message
        if largest is None or held <= largest:
            return None
        return f"{held:.1f} MiB are more than {largest:g} (largest_message)."

    def find_payload_refusal(self, entries: Sequence[LedgerEntry]) -> str | None:
        """Return why a reply may not leave the site; None where it may."""
        forbidden = sorted({entry.kind for entry in entries} - set(self.payloads))
        if not forbidden:
            return self.find_size_refusal(entries)
        return f"{', '.join(forbidden)} isn't among its payloads ({', '.join(self.payloads)})."


@dataclass(frozen=True)
class PolicyGate(Middleware):
    """Refuses calls and replies that a site's policy does not allow.

    The ledger is further out in the chain: it has recorded a call before the policy sees it, so
    refused calls are in it, too; a reply that is refused is not.

    Args:
        policy: None allows everything.
    """

    stage: ClassVar[Stage] = Stage.POLICY

    policy: SitePolicy | None = None

    def build_site_half(self, side: SiteSide) -> SiteHalf:
        """Return the half that applies the policy."""
        if self.policy is None:
            return SiteHalf()
        ledger = Ledger(side.folder / LEDGER if side.folder else None)
        return _Gate(self.policy, side, ledger)


class _Gate(SiteHalf):
    def __init__(self, policy: SitePolicy, side: SiteSide, ledger: Ledger) -> None:
        self.policy, self.side, self.ledger = policy, side, ledger
        self._calls: Counter[str] = Counter()

    def before(self, op: Operation, message: Broadcast, memory: Memory) -> Broadcast:
        calls = self._count_earlier(op)
        self._calls[op] += 1  # refused calls count, too: a limit is not to be tried out
        entries = list(list_sent(op, self.side.site, message))
        _refuse(
            self.policy.find_refusal(op, self.side.strategy, calls)
            or self.policy.find_size_refusal(entries)
        )
        return message

    def after(self, op: Operation, round_: int, reply: Reply, memory: Memory) -> Reply:
        _refuse(self.policy.find_payload_refusal(list(list_received(op, round_, reply))))
        return reply

    def _count_earlier(self, op: Operation) -> int:
        """Return the earlier calls of an operation; the ledger already has this one.

        The ledger is counted where there is a limit: other processes answer for this site, too.
        """
        if op not in self.policy.most_calls:
            return 0
        # the larger one: without a folder there is no ledger
        return max(self._calls[op], _count_calls(self.ledger.read())[op] - 1)


def _refuse(reason: str | None) -> None:
    if reason is not None:
        raise SiteRefuses(f"refused by its site policy: {reason}")


def _count_calls(entries: Sequence[LedgerEntry]) -> Counter[str]:
    """Return the calls of each operation: so many as the most frequent object it brought."""
    arrivals = Counter((e.op, e.kind, e.name) for e in entries if e.way == TO_SITE)
    calls: Counter[str] = Counter()
    for (op, _, _), times in arrivals.items():
        calls[op] = max(calls[op], times)
    return calls


def _suggest(op: str) -> str:
    if op in _OLD_NAMES:
        return f"it is called {_OLD_NAMES[op]} now."
    return f"use some of {', '.join(OPERATIONS)}.{suggest_nearest(op, OPERATIONS)}"
