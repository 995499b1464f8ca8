"""The server's halves of the middleware around an engine's calls."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from flmrcm.federation.engine import Engine, Operation
from flmrcm.federation.middleware import SEND_AGAIN, Carry, Exchange, ServerHalf
from flmrcm.types import Broadcast, Reply, ServerState


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
        carry: Carry = partial(_call_engine, engine)
        for half in self.halves:
            carry = partial(half.carry, carry)
        again: dict[str, Broadcast] = {}
        waiting: list[Exchange] = []
        for exchange in carry(op, messages, timeout):
            if exchange.reply.error_kind == SEND_AGAIN:
                again[exchange.reply.site] = messages[exchange.reply.site]
            elif again:
                waiting.append(exchange)
            else:
                yield exchange
        if again:
            waiting += self.call(engine, op, again, timeout)
            yield from sorted(waiting, key=lambda exchange: exchange.reply.site)

    def on_round(
        self, messages: Mapping[str, Broadcast], replies: Sequence[Reply]
    ) -> Sequence[Reply]:
        """Return a round's replies after every member has checked them together."""
        for half in self.halves:
            replies = half.on_round(messages, replies)
        return replies


def _call_engine(
    engine: Engine, op: Operation, messages: Mapping[str, Broadcast], timeout: float | None
) -> Iterator[Exchange]:
    for reply in engine.call(op, messages, timeout):
        sent = messages.get(reply.site, Broadcast(0, {}))
        yield Exchange(reply, refused=False, sent=sent, received=reply)
