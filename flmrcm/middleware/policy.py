"""A site's policy: what it allows, whatever a run wants; written and read at the site."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, NoReturn

from flmrcm.errors import ConfigErrors, SiteRefuses, require, suggest_nearest
from flmrcm.federation.engine import ABOUT_MASKS, JOIN, OPERATIONS, TRAINING, Operation
from flmrcm.federation.middleware import Middleware, SiteHalf, SiteSide, Stage
from flmrcm.federation.workload import CallWork
from flmrcm.middleware.admission import Admission
from flmrcm.middleware.ledger import METRICS, LedgerEntry, list_received, list_sent
from flmrcm.privacy.mask_messages import MASK_SHARES, MASKED
from flmrcm.types import Broadcast, Memory, Reply

IMAGES, LATENTS, WEIGHTS = "images", "latents", "weights"
ALL_OPERATIONS = (JOIN, *OPERATIONS)
_MIB = 2**20

_OLD_NAMES = {"evaluate": "validate", "judge": "test"}
"""Operations as version 0.1.0 calls them."""


@dataclass(frozen=True)
class SitePolicy:
    """What a site allows, whatever a run wants; written and read at the site.

    Images cannot be allowed: no message carries them, and a site with a policy is never the target
    of a strategy that shows its images to others. The limits from `fewest_slices` on exist because
    an update can be solved for what it was computed from: one optimizer step on one slice *is* that
    slice's gradient (Zhu et al., Deep Leakage from Gradients, NeurIPS 2019).

    Args:
        operations: some of join, survey, agree, train, unmask, finetune, validate, test; a site
            tests where the coordinator's machine cannot read its test volumes; secure aggregation
            takes agree and unmask.
        payloads: kinds of objects that may leave the site: `weights`, `metrics`, `latents`, … .
            Keys and shares of masks leave with the operations agree and unmask.
        strategies: classes of algorithms it takes part in (`FedAvg`, `FLMRCM`); None allows any.
            The class counts, since a run may give its strategy any name.
        largest_message: MiB of tensors and numbers in one message or reply; None allows any.
        most_calls: operation → calls in all, over every run and restart; others have no limit.
        fewest_slices: training slices that a round's training has to go through, at least.
        fewest_steps: optimizer steps that it has to take, at least.
        largest_learning_rate: of the model's optimizer; None allows any.
        widest_latent: numbers for one slice in the latents that leave; None allows any.
        fewest_volumes: volumes that validation or a test has to rest on, at least.
        largest_epsilon: of differential privacy that training may spend, over every run (
            `budget_book`); then training without it is refused. None allows any.
        fewest_in_sum: sites whose weights are added before anybody can read them, by secure
            aggregation; then weights without a mask don't leave. None lets them.

    Raises:
        ConfigErrors: an unknown operation, images among the payloads, or a limit out of range.
    """

    operations: Sequence[str] = ALL_OPERATIONS
    payloads: Sequence[str] = (WEIGHTS, METRICS)
    strategies: Sequence[str] | None = None
    largest_message: float | None = None
    most_calls: Mapping[str, int] = field(default_factory=dict[str, int])
    fewest_slices: int = 16
    fewest_steps: int = 4
    largest_learning_rate: float | None = 0.1
    widest_latent: int | None = 4096
    fewest_volumes: int = 2
    largest_epsilon: float | None = None
    fewest_in_sum: int | None = None

    def __post_init__(self) -> None:
        problems = [
            f"{key}: {op} is no operation; {_suggest(op)}"
            for key, ops in (("operations", self.operations), ("most_calls", self.most_calls))
            for op in ops
            if op not in ALL_OPERATIONS
        ]
        if IMAGES in self.payloads:
            problems.append("payloads: images never leave a site; take them out.")
        if problems:
            raise ConfigErrors(problems)
        calls = self.most_calls
        counts = all(type(n) is int and n >= 0 for n in calls.values())
        rules = {"most_calls": (counts, f"whole numbers, at least 0; got {dict(calls)}.")}
        limits = "largest_message", "largest_learning_rate", "widest_latent", "largest_epsilon"
        for key in limits:
            most = getattr(self, key)
            rules[key] = (most is None or most > 0, f"above 0, or null; got {most}.")
        few = self.fewest_in_sum
        rules["fewest_in_sum"] = (few is None or few >= 3, f"at least 3, or null; got {few}.")
        for key in ("fewest_slices", "fewest_steps", "fewest_volumes"):
            rules[key] = (getattr(self, key) >= 1, f"at least 1; got {getattr(self, key)}.")
        require(rules)

    def refuse_call(self, op: str, strategy: str, calls: int) -> None:
        """Raise an error for a call that is not allowed; nothing has been built for it yet.

        Args:
            op: `join` or an operation.
            strategy: the class of the run's algorithm.
            calls: earlier calls of this operation.

        Raises:
            SiteRefuses: one of operations, strategies, most_calls excludes it.
        """
        most = self.most_calls.get(op, calls + 1)
        if op not in self.operations:
            _refuse("operation", f"{op} isn't among its operations ({', '.join(self.operations)}).")
        if self.strategies is not None and strategy not in self.strategies:
            allowed = ", ".join(self.strategies)
            _refuse("strategy", f"{strategy} isn't among its strategies ({allowed}).")
        if calls >= most:
            _refuse("calls", f"{op} was called {calls} times, {most} are allowed.")

    def refuse_work(self, op: Operation, work: CallWork) -> None:
        """Raise an error where a reply would rest on too little data, or move too far in a step.

        Raises:
            SiteRefuses: a limit is not kept; nothing has been computed yet.
        """
        largest = self.largest_learning_rate
        if op in TRAINING:
            _refuse_below("slices", work.slices, "fewest_slices", self.fewest_slices)
            _refuse_below("steps", work.steps, "fewest_steps", self.fewest_steps)
            if largest is not None and not work.learning_rate <= largest:
                text = f"{work.learning_rate:g} is above {largest:g} (largest_learning_rate)."
                _refuse("learning_rate", text)
        elif op in ("validate", "test"):
            _refuse_below("volumes", work.volumes, "fewest_volumes", self.fewest_volumes)

    def refuse_sum(self, op: Operation, message: Broadcast) -> None:
        """Raise an error where a site's weights would be added to those of too few others.

        Raises:
            SiteRefuses: they would be, or to none; nothing has been computed yet.
        """
        sites, fewest = len(message.extras.get(MASK_SHARES, ())) + 1, self.fewest_in_sum
        if op == "train" and fewest is not None and sites < fewest:
            _refuse(
                "sum", f"weights of {sites} sites are added, {fewest} at least (fewest_in_sum)."
            )

    def refuse_size(self, entries: Sequence[LedgerEntry]) -> None:
        """Raise an error for a message or reply that is too large.

        Raises:
            SiteRefuses: it is.
        """
        held, largest = sum(entry.bytes for entry in entries) / _MIB, self.largest_message
        if largest is not None and held > largest:
            _refuse("size", f"{held:.1f} MiB are more than {largest:g} (largest_message).")

    def refuse_payload(self, entries: Sequence[LedgerEntry], reply: Reply) -> None:
        """Raise an error for a reply that may not leave the site.

        Raises:
            SiteRefuses: its kind, size or the width of its latents is not allowed.
        """
        kinds = {e.kind for e in entries if e.op not in ABOUT_MASKS or e.kind == METRICS}
        if forbidden := sorted(kinds - set(self.payloads)):
            named, allowed = ", ".join(forbidden), ", ".join(self.payloads)
            _refuse("payload", f"{named} isn't among its payloads ({allowed}).")
        self.refuse_size(entries)
        masked = all(e.dtype == MASKED for e in entries if e.kind == WEIGHTS)
        if self.fewest_in_sum is not None and not masked:
            _refuse("sum", "its weights have no mask (fewest_in_sum).")
        for latents in reply.extras.get(LATENTS, {}).values():
            width, widest = latents[:1].numel(), self.widest_latent
            if widest is not None and width > widest:
                _refuse("latent", f"{width} numbers are more than {widest} (widest_latent).")


@dataclass(frozen=True)
class PolicyGate(Middleware):
    """Refuses calls and replies that a site's policy does not allow.

    The ledger is further out in the chain: it has recorded a call before the policy sees it, so
    refused calls are in it, too; a reply that is refused is not.

    Args:
        policy: None allows everything.
        book: a file beside the policy's in which calls are counted; None counts those of this
            process.
        asked: whether the policy was asked about the call before this chain was built, as a site
            on another machine does.
        budget: a file in which spent privacy is added up; see `budget_book`.
    """

    stage: ClassVar[Stage] = Stage.POLICY

    policy: SitePolicy | None = None
    book: Path | None = None
    asked: bool = False
    budget: Path | None = None

    def build_site_half(self, side: SiteSide) -> SiteHalf:
        """Return the half that applies the policy."""
        if self.policy is None:
            return SiteHalf()
        return _Gate(self.policy, side, None if self.asked else Admission(self.policy, self.book))


@dataclass(frozen=True)
class _Gate(SiteHalf):
    policy: SitePolicy
    side: SiteSide
    admission: Admission | None

    def before(self, op: Operation, message: Broadcast, memory: Memory) -> Broadcast:
        if self.admission is not None:
            self.admission.ask(op, type(self.side.strategy).__name__, message.round)
        self.policy.refuse_size(list(list_sent(op, self.side.site, message)))
        self.policy.refuse_sum(op, message)
        return message

    def check_work(self, op: Operation, work: CallWork) -> None:
        self.policy.refuse_work(op, work)

    def after(self, op: Operation, round_: int, reply: Reply, memory: Memory) -> Reply:
        self.policy.refuse_payload(list(list_received(op, round_, reply)), reply)
        return reply


def _refuse_below(kind: str, count: int, key: str, fewest: int) -> None:
    if count < fewest:
        _refuse(kind, f"{count} {kind} are fewer than {fewest} ({key}).")


def _refuse(kind: str, text: str) -> NoReturn:
    raise SiteRefuses(f"refused by its site policy: {text}", kind)


def _suggest(op: str) -> str:
    if op in _OLD_NAMES:
        return f"it is called {_OLD_NAMES[op]} now."
    return f"use some of {', '.join(ALL_OPERATIONS)}.{suggest_nearest(op, ALL_OPERATIONS)}"
