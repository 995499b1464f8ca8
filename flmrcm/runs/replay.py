"""The messages of a run made again from a checkpoint: every draw has an address, so they are equal.

Nothing is written to the run's folder, and nothing counts in a site's budget book: a message that
is made again and stays here tells nobody anything new.
"""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

from flmrcm.config.clients import build_clients
from flmrcm.config.middleware import build_server_chain
from flmrcm.config.setup import Setup
from flmrcm.data.site import Site
from flmrcm.engines.local_sites import LocalSites
from flmrcm.errors import SiteFailed
from flmrcm.federation.checkpoint import Checkpoint
from flmrcm.federation.engine import Operation, Progress
from flmrcm.federation.memory import MemoryStore
from flmrcm.federation.middleware import Middleware
from flmrcm.federation.server_chain import ServerChain
from flmrcm.federation.workload import Workload, divide_workload
from flmrcm.middleware.dp_volume import DPVolume, Uncharged
from flmrcm.types import Broadcast, Reply


class _Calls(LocalSites):
    """Calls sites one after another; what they would remember afterwards is dropped."""

    can_interrupt: ClassVar[bool] = False
    on_one_machine: ClassVar[bool] = True

    def call(
        self, op: Operation, messages: Mapping[str, Broadcast], timeout: float | None = None
    ) -> Iterator[Reply]:
        for site in sorted(messages):
            message, memory = deepcopy(messages[site]), self.store.load(site)
            yield self.clients[site].call(op, message, memory, self.workloads.get(site))


@dataclass(frozen=True)
class Replay:
    """Makes messages again; see `attacks.attacked_run.Messages`.

    Attributes:
        setup: the run's, built of its config; its module holds the run's initial private weights.
        checkpoint: what the round begins with.
        memories: the folder of its sites' memories.
    """

    setup: Setup
    checkpoint: Checkpoint
    memories: Path

    def send(
        self,
        op: Operation,
        round_: int,
        sites: Mapping[str, Site],
        work: Workload | None = None,
    ) -> dict[str, Reply]:
        """Return what sites reply, as the coordinator reads it; see `Messages.send`.

        Raises:
            SiteFailed: a site refuses its call, or its reply doesn't count.
        """
        # no policies: they would count calls and spending, and nothing leaves this machine
        setup = replace(self.setup, sites={**self.setup.sites, **sites}, gates={})
        # sites set the loss and weights of the module they share: the next message begins anew
        setup = replace(setup, module=deepcopy(self.setup.module), middleware=_uncharge(setup))
        store = MemoryStore(self.memories)
        store.restore(self.checkpoint.memory)
        with TemporaryDirectory() as notes:
            calls = _Calls(build_clients(setup, Path(notes), _show_nothing), store)
            calls.workloads = self.divide() | (dict.fromkeys(sites, work) if work else {})
            chain = build_server_chain(setup, Path(notes))
            chain.start_round(self.checkpoint.state)
            answers = self._call(chain, calls, "survey", self._survey(round_))
            if op == "survey":
                return answers
            return self._call(chain, calls, op, self._broadcast(round_, sites, answers))

    def divide(self) -> dict[str, Workload]:
        """Return what each site with training data trains in a round of the run."""
        setup = self.setup
        batches = {name: site.n_batches for name, site in setup.sites.items() if site.has("train")}
        return divide_workload(
            setup.config["budget"],
            setup.local.epochs,
            batches,
            setup.plan.participants,
            setup.local.accumulate,
        )

    def _survey(self, round_: int) -> Mapping[str, Broadcast]:
        return self.setup.strategy.survey(self.checkpoint.state, round_)

    def _broadcast(
        self, round_: int, sites: Mapping[str, Site], answers: Mapping[str, Reply]
    ) -> Mapping[str, Broadcast]:
        strategy, given = self.setup.strategy, list(answers.values())
        state = strategy.on_survey_replies(self.checkpoint.state, given)
        return strategy.broadcast(state, round_, sorted(sites), given)

    def _call(
        self, chain: ServerChain, calls: _Calls, op: Operation, sent: Mapping[str, Broadcast]
    ) -> dict[str, Reply]:
        replies = [exchange.reply for exchange in chain.call(calls, op, sent)]
        for reply in replies:
            if reply.error is not None:
                raise SiteFailed(f"site {reply.site} sends no message here: {reply.error}")
        return {reply.site: reply for reply in replies}


def _uncharge(setup: Setup) -> dict[str, Middleware]:
    """Return the run's members, none of which refuses a round for what it would spend."""
    members = setup.middleware.items()
    return {name: Uncharged(m) if isinstance(m, DPVolume) else m for name, m in members}


def _show_nothing(_: Progress) -> None:
    """Drop progress: a replayed call takes as long as the run's own did."""
