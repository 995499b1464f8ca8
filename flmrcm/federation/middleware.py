"""The chain around every call: what happens to messages between strategy and transport.

A member has a half at the site and a half at the server, both in one file. A message that is sent
goes through the members from left to right, a message that is received from right to left:

    strategy | VALIDATION  UPDATE  COMPRESSION  MASKING  WIRE  POLICY  LEDGER | transport

So the ledger records exactly what travels, the site's policy sees it before anything is computed,
and validation checks what the strategy would get.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import ClassVar

from flmrcm.federation.engine import Operation
from flmrcm.federation.training_round import TrainingRound
from flmrcm.federation.workload import CallWork
from flmrcm.learning.module import ReconModule
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


ASKS_AGAIN = "asks_again"
"""The only metric of a reply that asks for the message once more, building on nothing."""

SEND_AGAIN = "send_again"
"""The error kind by which a server's half says that a site has asked so."""


class AskAgain(Exception):
    """A message builds on what isn't at the site; nothing is computed, and it asks for another."""


class SiteHalf:
    """A member's half at one site; this default changes nothing.

    State that has to outlive a call belongs in the site's memory, which only training writes.
    """

    def before(self, op: Operation, message: Broadcast, memory: Memory) -> Broadcast:
        """Return the message as the next member inwards, or the strategy, reads it.

        Raises:
            SiteRefuses: the site does not answer this call.
            AskAgain: it does, once the message comes in another form.
        """
        return message

    def plan_training(self, plan: TrainingRound, memory: Memory) -> TrainingRound:
        """Return how a round is trained; `SiteRefuses` where it isn't."""
        return plan

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
    """

    needs_all_replies: bool = False
    """Whether `on_round` has to see all training replies at once; else they come one by one."""

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

    def find_end(self, state: ServerState) -> str | None:
        """Return why no round may follow a state, in a few words; None where one may."""
        return None


@dataclass(frozen=True)
class SiteSide:
    """A site, as far as a member of the chain may know it.

    Attributes:
        site: its name.
        strategy: the run's.
        seed: the run's.
        folder: of the site's notes about the run, such as its ledger; None keeps nothing.
        rounds: of the run.
        fewest: good replies that a round of training needs.
    """

    site: str
    strategy: Strategy
    seed: int = 0
    folder: Path | None = None
    rounds: int = 1
    fewest: int = 1


@dataclass(frozen=True)
class ServerSide:
    """The server, as far as a member of the chain may know it; the folder is the run's."""

    strategy: Strategy
    folder: Path | None = None
    seed: int = 0
    rounds: int = 1
    fewest: int = 1


class Middleware:
    """One member of the chain: it makes its two halves. The default changes nothing."""

    stage: ClassVar[Stage] = Stage.UPDATE

    def find_problems(
        self, strategy: Strategy, module: ReconModule, members: Mapping[str, "Middleware"]
    ) -> list[str]:
        """Return a line for each way in which it can't stand beside the others, or with a model."""
        return []

    def build_site_half(self, side: SiteSide) -> SiteHalf:
        """Return the half that runs at a site."""
        return SiteHalf()

    def build_server_half(self, side: ServerSide) -> ServerHalf:
        """Return the half that runs at the server."""
        return ServerHalf()


def sort_members(members: Mapping[str, Middleware]) -> list[Middleware]:
    """Return members in the chain's order, from the transport inwards; by name within a stage."""
    return [member for _, member in sorted(members.items(), key=lambda m: (m[1].stage, m[0]))]
