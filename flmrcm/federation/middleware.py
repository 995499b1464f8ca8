"""The chain around every call: what happens to messages between strategy and transport.

A member has a half at the site and a half at the server, both in one file. A message that is sent
goes through the members from left to right, a message that is received from right to left:

    strategy | VALIDATION  UPDATE  COMPRESSION  MASKING  WIRE  POLICY  LEDGER | transport

So the ledger records exactly what travels, the site's policy sees it before anything is computed,
and validation checks what the strategy would get.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import ClassVar, NamedTuple

from flmrcm.federation.engine import Engine, Operation
from flmrcm.strategies.base import Strategy
from flmrcm.types import Broadcast, Memory, Reply, ServerState


class Stage(IntEnum):
    """A member's place in the chain, from the transport inwards."""

    LEDGER = 0
    POLICY = 1
    WIRE = 2
    MASKING = 3
    COMPRESSION = 4
    UPDATE = 5
    VALIDATION = 6


class CallWork(NamedTuple):
    """What a reply will rest on; known before anything is computed.

    Attributes:
        slices: different training slices that training goes through.
        steps: optimizer steps of training.
        learning_rate: of the model's optimizer in this round.
        volumes: that validation or a test scores.
    """

    slices: int = 0
    steps: int = 0
    learning_rate: float = 0.0
    volumes: int = 0


class SiteHalf:
    """A member's half at one site; this default changes nothing.

    State that has to outlive a call belongs in the site's memory, which only training writes.
    """

    def before(self, op: Operation, message: Broadcast, memory: Memory) -> Broadcast:
        """Return the message as the next member inwards, or the strategy, reads it.

        Raises:
            SiteRefuses: the site does not answer this call.
        """
        return message

    def check_work(self, op: Operation, work: CallWork) -> None:
        """Look at what a reply would rest on, before a model is trained or scored.

        Raises:
            SiteRefuses: the site does not compute it.
        """

    def after(self, op: Operation, round_: int, reply: Reply, memory: Memory) -> Reply:
        """Return the reply as the next member outwards, or the transport, carries it.

        Raises:
            SiteRefuses: the reply does not leave the site.
        """
        return reply


class ServerHalf:
    """A member's half at the server; this default changes nothing.

    A reply that must not count is returned with `error`, one line that says why. State that has to
    outlive a round belongs in the server's state: it is read when a round starts and returned when
    it ends, so that a resumed run goes on from it.

    Attributes:
        needs_all_replies: whether `on_round` has to see all training replies at once; where no
            member and no strategy does, memory does not grow with the number of sites.
    """

    needs_all_replies: bool = False

    def start_round(self, state: ServerState) -> None:
        """Read what this half kept in the server's state."""

    def before(self, op: Operation, messages: Mapping[str, Broadcast]) -> Mapping[str, Broadcast]:
        """Return the messages as the next member outwards, or the transport, carries them."""
        return messages

    def after(self, op: Operation, message: Broadcast, reply: Reply) -> Reply:
        """Return the reply as the next member inwards, or the strategy, reads it.

        Args:
            op: the operation.
            message: as this half sent it to the site.
            reply: with `error` where the site or a member further out refused.
        """
        return reply

    def on_round(
        self, messages: Mapping[str, Broadcast], replies: Sequence[Reply]
    ) -> Sequence[Reply]:
        """Return a round's training replies, checked together.

        Args:
            messages: as the strategy sent them, by site.
            replies: the good ones, in sorted site order, as the strategy would read them.
        """
        return replies

    def finish_round(self, state: ServerState) -> ServerState:
        """Return the state with what this half keeps, under a kind of its own in `extras`."""
        return state


@dataclass(frozen=True)
class SiteSide:
    """A site, as far as a member of the chain may know it.

    Attributes:
        site: its name.
        strategy: the run's.
        seed: the run's.
        folder: of the site's notes about the run, such as its ledger; None keeps nothing.
    """

    site: str
    strategy: Strategy
    seed: int = 0
    folder: Path | None = None


@dataclass(frozen=True)
class ServerSide:
    """The server, as far as a member of the chain may know it.

    Attributes:
        strategy: the run's.
        folder: the run's; None keeps nothing.
    """

    strategy: Strategy
    folder: Path | None = None


class Middleware:
    """One member of the chain: it makes its two halves. The default changes nothing."""

    stage: ClassVar[Stage] = Stage.UPDATE

    def build_site_half(self, side: SiteSide) -> SiteHalf:
        """Return the half that runs at a site."""
        return SiteHalf()

    def build_server_half(self, side: ServerSide) -> ServerHalf:
        """Return the half that runs at the server."""
        return ServerHalf()


def sort_members(members: Mapping[str, Middleware]) -> list[Middleware]:
    """Return members in the chain's order, from the transport inwards; by name within a stage."""
    return [member for _, member in sorted(members.items(), key=lambda m: (m[1].stage, m[0]))]


class Exchange(NamedTuple):
    """A message and its reply.

    Attributes:
        reply: as the strategy reads it; its `error` is set where it does not count.
        refused: whether a member of the chain refused a reply that the site meant as a good one.
        sent: the message as it travelled.
        received: the reply as it travelled.
    """

    reply: Reply
    refused: bool
    sent: Broadcast
    received: Reply


class ServerChain:
    """The server's halves around an engine.

    Args:
        halves: from the transport inwards.
    """

    def __init__(self, halves: Sequence[ServerHalf] = ()) -> None:
        self.halves = halves

    @property
    def needs_all_replies(self) -> bool:
        """Whether a member has to see all training replies of a round at once."""
        return any(half.needs_all_replies for half in self.halves)

    def start_round(self, state: ServerState) -> None:
        """Let every member read what it kept in the server's state."""
        for half in self.halves:
            half.start_round(state)

    def finish_round(self, state: ServerState) -> ServerState:
        """Return the state with what every member keeps."""
        for half in self.halves:
            state = half.finish_round(state)
        return state

    def call(
        self,
        engine: Engine,
        op: Operation,
        messages: Mapping[str, Broadcast],
        timeout: float | None = None,
    ) -> Iterator[Exchange]:
        """Send messages through the chain; return the replies that come through it, one by one."""
        sent = [messages]  # before each half: a half compares a reply with its own message
        for half in reversed(self.halves):
            sent.append(half.before(op, sent[-1]))
        for received in engine.call(op, sent[-1], timeout):
            site, reply = received.site, received  # a reply nobody asked for passes unchanged
            if site in messages:
                for half, by_site in zip(self.halves, reversed(sent[1:]), strict=True):
                    reply = half.after(op, by_site[site], reply)
            refused = received.error is None and reply.error is not None
            yield Exchange(reply, refused, sent[-1].get(site, Broadcast(0, {})), received)

    def on_round(
        self, messages: Mapping[str, Broadcast], replies: Sequence[Reply]
    ) -> Sequence[Reply]:
        """Return a round's replies after every member has checked them together."""
        for half in self.halves:
            replies = half.on_round(messages, replies)
        return replies
