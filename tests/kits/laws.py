"""Federations over the three hospitals, and a comparison of weights bit by bit."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from kits.factories import make_site, make_unet

from flmrcm.data.site import Site
from flmrcm.engines.in_process import InProcess
from flmrcm.federation.checkpoint import CheckpointFolder
from flmrcm.federation.client import Client
from flmrcm.federation.client_runtime import ClientRuntime
from flmrcm.federation.journal import Journal
from flmrcm.federation.local_training import LocalTraining
from flmrcm.federation.memory import MemoryStore
from flmrcm.federation.middleware import Middleware, ServerSide, SiteHalf, SiteSide, sort_members
from flmrcm.federation.rounds import Rounds, TrainingPlan
from flmrcm.federation.server_chain import ServerChain
from flmrcm.file_queue import FileThread
from flmrcm.learning.compute import Compute
from flmrcm.learning.losses import Loss
from flmrcm.learning.module import ReconModule
from flmrcm.learning.scoring import Evaluator
from flmrcm.middleware.ledger import LedgerWriter
from flmrcm.middleware.policy import PolicyGate, SitePolicy
from flmrcm.middleware.reply_validation import ReplyValidation
from flmrcm.middleware.wire import Wire
from flmrcm.models.discriminator import build_discriminator
from flmrcm.models.reconstructor import Reconstructor
from flmrcm.strategies.base import Strategy
from flmrcm.strategies.fedbn import FedBN
from flmrcm.strategies.fl_mrcm import FLMRCM
from flmrcm.types import ServerState, Weights

SEED = 3
TARGET = "south"


def hospitals(root: Path, **loading: Any) -> dict[str, Site]:
    """Return the sites in a folder, named like their folders; `loading` as for `Loading`."""
    return {path.name: make_site(path, seed=SEED, **loading) for path in sorted(root.iterdir())}


@dataclass
class Setting:
    """A federation to run; the defaults are as small as possible."""

    sites: Mapping[str, Site]
    folder: Path
    rounds: int = 2
    participants: Sequence[str] = ("east", "north", "south")
    local: Mapping[str, Any] = field(default_factory=dict)
    plan: Mapping[str, Any] = field(default_factory=dict)
    learning_rate: float = 1e-3
    accelerator: str = "cpu"
    precision: str = "32-true"
    wire: str = "fp32"
    limits: Mapping[str, Any] = field(default_factory=dict)
    losses: Mapping[str, Loss] = field(default_factory=dict)
    members: Mapping[str, Middleware] = field(default_factory=dict)
    network: Callable[[], Reconstructor] = make_unet

    def module(self, strategy: Strategy | None = None) -> ReconModule:
        """Return the network; FedBN's has norms that hold something."""
        net = make_unet(norm="batch") if isinstance(strategy, FedBN) else self.network()
        return ReconModule(net, partial(torch.optim.RMSprop, lr=self.learning_rate))

    def federation(self, strategy: Strategy, module: ReconModule | None = None) -> Rounds:
        clients = self.clients(self.runtime(strategy, module))
        plan = TrainingPlan(
            self.rounds, self.participants, self.participants, seed=SEED, **self.plan
        )
        checkpoints = CheckpointFolder(self.folder / "checkpoints", 0, {})
        store = MemoryStore(self.folder / "checkpoints" / "memory", files=FileThread())
        engine = InProcess(clients, store, threads=1)
        journal, chain = Journal(self.folder / "journal.csv"), self.server_chain(strategy)
        return Rounds(strategy, engine, plan, checkpoints, journal, chain=chain)

    def server_chain(self, strategy: Strategy, folder: Path | None = None) -> ServerChain:
        counts = self.rounds, len(self.participants)
        return server_chain(strategy, folder, self.wire, self.members, counts, **self.limits)

    def runtime(self, strategy: Strategy, module: ReconModule | None = None) -> ClientRuntime:
        module = module or self.module(strategy)
        compute = Compute(self.accelerator, precision=self.precision)
        local = LocalTraining(module.make_optimizer, **{"epochs": 1, "batch_size": 2} | self.local)
        fabric, evaluator = compute.build_fabric(), Evaluator(compute)
        initial = {k: v for k, v in module.model.state_dict().items() if not strategy.is_shared(k)}
        initial = {name: tensor.clone() for name, tensor in initial.items()}
        return ClientRuntime(
            module, strategy, local, fabric, evaluator, SEED, lambda _: None, initial
        )

    def clients(self, runtime: ClientRuntime) -> dict[str, Client]:
        target = self.sites[TARGET] if runtime.strategy.needs_target_images else None
        return {
            name: Client(
                site,
                runtime,
                target,
                site_chain(
                    name,
                    runtime.strategy,
                    wire=self.wire,
                    more=self.members,
                    rounds=self.rounds,
                    fewest=len(self.participants),
                ),
                loss=self.losses.get(name),
            )
            for name, site in self.sites.items()
        }

    def run(self, strategy: Strategy) -> ServerState:
        return self.federation(strategy).run(self.module(strategy).model.state_dict())


def site_chain(
    site: str,
    strategy: Strategy,
    folder: Path | None = None,
    policy: SitePolicy | None = None,
    wire: str = "fp32",
    more: Mapping[str, Middleware] | None = None,
    **plan: int,
) -> list[SiteHalf]:
    """Return a site's halves; its ledger and the count of its calls lie in a folder."""
    gate = PolicyGate(policy, folder and folder / "policy.calls.csv")
    members = {"ledger": LedgerWriter(), "policy": gate, "wire": Wire(wire), **(more or {})}
    side = SiteSide(site, strategy, SEED, folder, **plan)
    return [member.build_site_half(side) for member in sort_members(members)]


def server_chain(
    strategy: Strategy,
    folder: Path | None = None,
    wire: str = "fp32",
    more: Mapping[str, Middleware] | None = None,
    counts: tuple[int, int] = (1, 1),
    **limits: Any,
) -> ServerChain:
    """Return the server's halves; its ledger lies in a folder."""
    members = {"ledger": LedgerWriter(), "wire": Wire(wire), "valid": ReplyValidation(**limits)}
    members |= more or {}
    side = ServerSide(strategy, folder, SEED, *counts)
    return ServerChain([member.build_server_half(side) for member in sort_members(members)])


def fl_mrcm(**changes: Any) -> FLMRCM:
    """Return FL-MRCM with a small discriminator and the south as target."""
    defaults: dict[str, Any] = {
        "target": TARGET,
        "discriminator": partial(build_discriminator, width=8),
        "discriminator_optimizer": torch.optim.RMSprop,
    }
    return FLMRCM(**defaults | changes)


def fed_bn() -> FedBN:
    """Return FedBN for the network of the laws."""
    return FedBN().suit(Setting({}, Path()).module(FedBN()).model)


def equal(one: Weights, other: Weights) -> bool:
    """Return whether two sets of weights have the same names and the same bits."""
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)
