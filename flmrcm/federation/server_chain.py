"""The server's halves of the middleware around an engine's calls."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from flmrcm.federation.engine import Engine, Operation
from flmrcm.federation.middleware import SEND_AGAIN, ServerHalf
from flmrcm.types import Broadcast, Reply, ServerState


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

    def find_end(self, state: ServerState) -> str | None:
        """Return why no round may follow a state; None where one may."""
        return next((why for half in self.halves if (why := half.find_end(state))), None)

    def call(
        self,
        engine: Engine,
        op: Operation,
        messages: Mapping[str, Broadcast],
        timeout: float | None = None,
    ) -> Iterator[Exchange]:
        """Send messages through the chain; return the replies that come through it, one by one.

        A site that asks for its message again gets it after the others; the order stays.
        """
        sent = [messages]  # before each half: a half compares a reply with its own message
        for half in reversed(self.halves):
            sent.append(half.before(op, sent[-1]))
        again: dict[str, Broadcast] = {}
        waiting: list[Exchange] = []
        for received in engine.call(op, sent[-1], timeout):
            exchange = self._receive(op, sent, received)
            if exchange.reply.error_kind == SEND_AGAIN:
                again[received.site] = messages[received.site]
            elif again:
                waiting.append(exchange)
            else:
                yield exchange
        if again:
            waiting += self.call(engine, op, again, timeout)
            yield from sorted(waiting, key=lambda exchange: exchange.reply.site)

    def _receive(
        self, op: Operation, sent: Sequence[Mapping[str, Broadcast]], received: Reply
    ) -> Exchange:
        """Return a reply as it comes through the chain; one that nobody asked for, unchanged."""
        site, reply = received.site, received
        if site in sent[0]:
            for half, by_site in zip(self.halves, reversed(sent[1:]), strict=True):
                reply = half.after(op, by_site[site], reply)
        refused = received.error is None and reply.error is not None
        return Exchange(reply, refused, sent[-1].get(site, Broadcast(0, {})), received)

    def on_round(
        self, messages: Mapping[str, Broadcast], replies: Sequence[Reply]
    ) -> Sequence[Reply]:
        """Return a round's replies after every member has checked them together."""
        for half in self.halves:
            replies = half.on_round(messages, replies)
        return replies
