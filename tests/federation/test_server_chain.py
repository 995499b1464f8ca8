"""Calls through the chain: a site that asks for its message again gets it; the order stays."""

import torch

from flmrcm.federation.middleware import ASKS_AGAIN, SEND_AGAIN, ServerHalf
from flmrcm.federation.server_chain import ServerChain
from flmrcm.types import Broadcast, Reply


class Sites:
    """An engine whose sites reply with what they are sent; some ask for it again, once."""

    def __init__(self, *asking):
        self.asking, self.called = set(asking), []

    def call(self, op, messages, timeout=None):
        for site in sorted(messages):
            self.called.append(site)
            if site in self.asking:
                self.asking.discard(site)
                yield Reply(site, metrics={ASKS_AGAIN: 1.0})
            else:
                yield Reply(site, 1, messages[site].weights)


class Whole(ServerHalf):
    """Sends one, and where a site asks, two."""

    def __init__(self):
        self.asked = set()

    def before(self, op, messages):
        two = {True: torch.tensor(2), False: torch.tensor(1)}
        return {s: Broadcast(0, {"w": two[s in self.asked]}) for s in messages}

    def after(self, op, message, reply):
        if ASKS_AGAIN not in reply.metrics:
            return reply
        self.asked.add(reply.site)
        return Reply(reply.site, error="again", error_kind=SEND_AGAIN)


def call(engine):
    messages = dict.fromkeys(("a", "b", "c", "d"), Broadcast(0, {}))
    return list(ServerChain([Whole()]).call(engine, "train", messages))


def test_who_asks_is_sent_another_message_and_replies_stay_in_order():
    engine = Sites("b", "d")
    exchanges = call(engine)
    assert [exchange.reply.site for exchange in exchanges] == ["a", "b", "c", "d"]
    assert [int(exchange.reply.weights["w"]) for exchange in exchanges] == [1, 2, 1, 2]
    assert [int(exchange.sent.weights["w"]) for exchange in exchanges] == [1, 2, 1, 2]
    assert engine.called == ["a", "b", "c", "d", "b", "d"]


def test_nobody_asks_and_every_reply_comes_at_once():
    engine = Sites()
    exchanges = iter(
        ServerChain().call(engine, "train", {"a": Broadcast(0, {}), "b": Broadcast(0, {})})
    )
    assert next(exchanges).reply.site == "a"
    assert engine.called == ["a"]
