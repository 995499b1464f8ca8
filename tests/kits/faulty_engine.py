"""An engine whose sites fail on purpose: it changes chosen replies before they are returned."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from flmrcm.federation.engine import Engine, Operation
from flmrcm.federation.rounds import Rounds
from flmrcm.types import Broadcast, Reply, ServerState

Fault = Callable[[Reply], Reply | None]
When = tuple[str, Operation, int]
"""Site, operation, round."""


@dataclass
class FaultyEngine:
    """Returns another engine's replies, with a fault in chosen ones.

    Attributes:
        inner: does the work; a site with a fault trains, too, and writes its memory, unless away.
        faults: by site, operation and round.
        called: site, operation and round of every call, in order.
        timeouts: of all calls.
    """

    inner: Engine
    faults: Mapping[When, Fault] = field(default_factory=dict)
    called: list[When] = field(default_factory=list)
    timeouts: set[float | None] = field(default_factory=set)

    def call(
        self, op: Operation, messages: Mapping[str, Broadcast], timeout: float | None = None
    ) -> Iterator[Reply]:
        self.timeouts.add(timeout)
        for site, message in sorted(messages.items()):
            when = site, op, message.round
            self.called.append(when)
            fault = self.faults.get(when, lambda whole: whole)
            if fault is away:
                yield away(Reply(site))
                continue
            (reply,) = self.inner.call(op, {site: message})
            if (faulty := fault(reply)) is not None:
                yield faulty

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def with_faults(federation: Rounds, faults: Mapping[When, Fault]) -> Rounds:
    """Return the federation on an engine with faults."""
    return replace(federation, engine=FaultyEngine(federation.engine, faults))


def run_with(setting: Any, strategy: Any, faults: Mapping[When, Fault]) -> ServerState:
    """Run a setting's federation on an engine with faults and return its state."""
    federation = with_faults(setting.federation(strategy), faults)
    return federation.run(setting.module().model.state_dict())


def away(reply: Reply) -> Reply:
    """The site is not connected."""
    return Reply(reply.site, error=f"site {reply.site} is away")


def silent(reply: Reply) -> None:
    """No reply arrives."""


def empty(reply: Reply) -> Reply:
    """A reply that holds nothing."""
    return Reply(reply.site, reply.n_examples)


def idle(reply: Reply) -> Reply:
    """It says that no slice was trained on."""
    return replace(reply, n_examples=0)


def garbage(reply: Reply) -> Reply:
    """Every weight is NaN."""
    return replace(reply, weights={k: v * float("nan") for k, v in reply.weights.items()})


def huge(reply: Reply) -> Reply:
    """Every weight is a million times too large, yet finite."""
    return replace(reply, weights={k: v * 1e6 for k, v in reply.weights.items()})


def torn(reply: Reply) -> Reply:
    """A weight is missing."""
    return replace(reply, weights=dict(list(reply.weights.items())[1:]))


def misshapen(reply: Reply) -> Reply:
    """A weight has another shape."""
    return replace(reply, weights=reply.weights | {next(iter(reply.weights)): torch.zeros(1)})
