"""Both halves of compression: what both ends hold doesn't travel again, the rest is rounded.

Down, every site that trained in the round before holds one state, and the server sends how far the
weights have moved from it; what rounding left out is part of the next difference (Gruntkowska et
al., EF21-P, ICML 2023). Up, a site sends how far it moved from what it was sent, and keeps what
rounding left out for its next round: error feedback (Karimireddy et al., ICML 2019, algorithm 1).
"""

from collections.abc import Mapping
from dataclasses import replace

import torch

from flmrcm.errors import SiteRefuses
from flmrcm.federation.engine import TRAINING, Operation
from flmrcm.federation.middleware import (
    ASKS_AGAIN,
    SEND_AGAIN,
    AskAgain,
    ServerHalf,
    ServerSide,
    SiteHalf,
    SiteSide,
)
from flmrcm.middleware.compression.kinds import (
    REFERENCES,
    WEIGHTS,
    SentKind,
    address,
    share_kinds,
)
from flmrcm.middleware.compression.packing import (
    PayloadError,
    compute_digest,
    is_packed,
    make_zeros,
    pack,
    subtract,
)
from flmrcm.middleware.compression.rows import restore_rows, round_rows
from flmrcm.middleware.compression.scheme import Scheme
from flmrcm.middleware.policy import LATENTS
from flmrcm.seeding import seed_for
from flmrcm.types import Broadcast, Memory, Reply, ServerState, Weights

_REFERENCE, _RESIDUAL, _HOLDERS = "compression/", "compression_residual/", "compression_holders"


class SiteCompression(SiteHalf):
    """Reads differences from the state that this site trained from last; sends its own."""

    def __init__(self, rule: Scheme, side: SiteSide) -> None:
        self.rule, self.side = rule, side
        self._given: Weights = {}

    def before(self, op: Operation, message: Broadcast, memory: Memory) -> Broadcast:
        """Return the message as the server has it; what training starts from is kept."""
        if op == "test":
            return message
        digests = message.extras.get(REFERENCES, {})
        kinds = {WEIGHTS: message.weights, **message.extras}
        kinds.pop(REFERENCES, None)
        try:
            kinds = {k: self._read(k, x, digests, memory) for k, x in kinds.items()}
        except PayloadError as error:
            raise SiteRefuses(f"compression: {error}.", "envelope") from None
        if op in TRAINING:
            held = {k: tensors for k, tensors in kinds.items() if k != LATENTS}
            memory.tensors.update({_REFERENCE + kind: x for kind, x in held.items()})
        self._given = kinds.pop(WEIGHTS)
        return replace(message, weights=self._given, extras=kinds)

    def after(self, op: Operation, round_: int, reply: Reply, memory: Memory) -> Reply:
        """Return the reply as it travels; what its differences leave out is kept."""
        extras = {
            kind: round_rows(x)
            if kind == LATENTS
            else self._send(kind, x, self._zeros(x), round_, memory)
            if op == "train"
            else x
            for kind, x in reply.extras.items()
        }
        weights = reply.weights
        if op == "train":
            weights = self._send(WEIGHTS, weights, self._given, round_, memory)
        return replace(reply, weights=weights, extras=extras)

    def _read(self, kind: str, tensors: Weights, digests: Weights, memory: Memory) -> Weights:
        """Return what the server has of a kind; `AskAgain` where its reference isn't here."""
        if kind == LATENTS:
            return restore_rows(tensors)
        if kind not in digests:
            if is_packed(tensors):
                raise PayloadError("differences of nothing")
            return tensors
        reference = memory.tensors.get(_REFERENCE + kind)
        if reference is None or compute_digest(reference).tolist() != digests[kind].tolist():
            raise AskAgain
        return self.rule.decode(tensors, reference)

    def _zeros(self, tensors: Weights) -> Weights | None:
        """Return zeros like tensors; None where one isn't named like a weight."""
        zeros = make_zeros(self._given, tensors)
        return zeros if zeros.keys() == tensors.keys() else None

    def _send(
        self, kind: str, tensors: Weights, reference: Weights | None, round_: int, memory: Memory
    ) -> Weights:
        """Return differences from a reference as they travel, and keep what they leave out."""
        rule, side, key = self.rule, self.side, _RESIDUAL + kind
        changes = subtract(tensors, reference)
        if changes is None:
            return tensors
        left = memory.tensors.get(key, {}) if rule.feeds_back else {}
        due = {k: c + left[k] if k in left and left[k].shape == c.shape else c
               for k, c in changes.items()}  # fmt: skip
        payload = rule.shrink(due, seed_for("compression", side.seed, side.site, round_, kind))
        if rule.feeds_back:
            sent = rule.restore(payload, {name: x.shape for name, x in due.items()})
            memory.tensors[key] = {name: x - sent[name] for name, x in due.items()}
        return pack(tensors, payload)


class ServerCompression(ServerHalf):
    """What it holds: the last training's state by kind, and who trained from it."""

    def __init__(self, rule: Scheme, side: ServerSide) -> None:
        self.rule, self.side = rule, side
        self._last: dict[str, Weights] = {}
        self._holders: set[str] = set()
        self._now: dict[str, Weights] | None = None  # the same after this round's training
        self._trained: set[str] = set()
        self._meant: dict[str, Weights] = {}
        self._sent: dict[str, SentKind] = {}

    def start_round(self, state: ServerState) -> None:
        """Read what the sites hold that trained in the last round, and who they are."""
        kept = {k: x for k, x in state.extras.items() if k.startswith(_REFERENCE)}
        self._last = {kind.removeprefix(_REFERENCE): tensors for kind, tensors in kept.items()}
        self._holders = set(state.extras.get(_HOLDERS, {}))
        self._now, self._trained = None, set()

    def before(self, op: Operation, messages: Mapping[str, Broadcast]) -> Mapping[str, Broadcast]:
        """Return differences for sites that hold what they start from; for others, all of it."""
        if op == "test":  # of the very weights that a checkpoint holds
            return messages
        held, holders = self._last, self._holders
        if self._now is not None and op not in TRAINING:
            held, holders = self._now, self._trained
        sent = {
            kind: self._encode(kind, x, held.get(kind)) for kind, x in share_kinds(messages).items()
        }
        if op in TRAINING:
            self._now = {**(self._now or {}), **{kind: s.arrived for kind, s in sent.items()}}
        # what a site moved is added to what the server meant: else a round would undo what the way
        # down left out
        self._meant |= {site: message.weights for site, message in messages.items()}
        return {site: address(m, sent, site in holders) for site, m in messages.items()}

    def after(self, op: Operation, message: Broadcast, reply: Reply) -> Reply:
        """Return the reply as the site meant it, or why it can't be read."""
        if op == "test" or reply.error is not None:
            return reply
        if ASKS_AGAIN in reply.metrics and REFERENCES in message.extras:
            for holders in (self._holders, self._trained):
                holders.discard(reply.site)
            return replace(reply, error="it holds another state.", error_kind=SEND_AGAIN)
        try:
            reply = self._read(reply)
        except PayloadError as error:
            where = f"site {reply.site}, round {message.round}"
            return replace(reply, error=f"{where}: its reply was refused: {error}.")
        if op in TRAINING:
            self._trained.add(reply.site)
        return reply

    def finish_round(self, state: ServerState) -> ServerState:
        """Return the state with what the sites hold that trained in this round."""
        if self._now is None:
            return state
        kept = {_REFERENCE + kind: tensors for kind, tensors in self._now.items()}
        others = {k: x for k, x in state.extras.items() if not k.startswith(_REFERENCE)}
        holders = {site: torch.tensor(True) for site in sorted(self._trained)}
        return replace(state, extras={**others, **kept, _HOLDERS: holders})

    def _encode(self, kind: str, tensors: Weights, reference: Weights | None) -> SentKind:
        """Return a kind as it's sent; what was made last is made once for survey and training."""
        made = self._sent.get(kind)
        if made is None or made.original is not tensors or made.reference is not reference:
            made = self._sent[kind] = self._make(kind, tensors, reference)
        return made

    def _make(self, kind: str, tensors: Weights, reference: Weights | None) -> SentKind:
        changes = subtract(tensors, reference)
        if changes is None or reference is None:
            return SentKind(tensors, reference, tensors)
        digest = compute_digest(reference)
        # validation and the next round's training start from one state, and draw alike
        seed = seed_for("compression", self.side.seed, kind, digest.tolist())
        packed = pack(tensors, self.rule.shrink(changes, seed))
        arrived = self.rule.decode(packed, reference)
        return SentKind(tensors, reference, arrived, packed, digest)

    def _read(self, reply: Reply) -> Reply:
        meant = self._meant.get(reply.site, {})
        extras = {
            kind: restore_rows(x)
            if kind == LATENTS
            else self.rule.decode(x, make_zeros(meant, x))
            if is_packed(x)
            else x
            for kind, x in reply.extras.items()
        }
        weights = reply.weights
        weights = self.rule.decode(weights, meant) if is_packed(weights) else weights
        return replace(reply, weights=weights, extras=extras)
