"""The engines that must pass the contract, and the four clinics behind each of them."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from kits.envelopes import by_envelopes
from kits.factories import make_unet
from kits.laws import Setting, fed_bn, fl_mrcm, hospitals, server_chain
from kits.ledgers import add_ledgers

from flmrcm.engines.in_process import InProcess
from flmrcm.engines.processes import Processes
from flmrcm.engines.ray import RayActors
from flmrcm.federation.client import Client
from flmrcm.federation.clients import Clients
from flmrcm.federation.memory import MemoryStore
from flmrcm.federation.middleware import Middleware
from flmrcm.federation.participation import Tolerance
from flmrcm.federation.rounds import Rounds
from flmrcm.models.cascade import Cascade
from flmrcm.models.reconstructor import Reconstructor
from flmrcm.models.varnet import VarNet
from flmrcm.seeding import seeded
from flmrcm.strategies.base import Strategy
from flmrcm.strategies.ditto import Ditto
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.strategies.feddyn import FedDyn
from flmrcm.strategies.fedmri import FedMRI
from flmrcm.strategies.fednova import FedNova
from flmrcm.strategies.fedper import FedPer
from flmrcm.strategies.finetune import FineTune
from flmrcm.strategies.moon import Moon
from flmrcm.strategies.scaffold import Scaffold
from flmrcm.strategies.server_optimizer import FedAdam
from flmrcm.types import Broadcast

CLINICS = ("east", "north", "south", "west")
PLAN = {"validate_every": 9, "tolerance": Tolerance(quorum=3)}
STRATEGIES: Mapping[str, Strategy] = {
    "fl_mr": FedAvg(),
    "fl_mrcm_latent": fl_mrcm(alignment="latents"),
    "scaffold": Scaffold(),
    "fedper": FedPer(),
    "fedadam": FedAdam(),
    "fednova": FedNova(any_optimizer=True, weighting="fair"),
    "feddyn": FedDyn(),
    "moon": Moon(),
    "ditto": Ditto(),
    "fedbn": fed_bn(),
    "fedmri": FedMRI(negatives="all"),
    "finetune": FineTune(steps=3),
}


Network = Callable[[], Reconstructor]


def make_seeded(network: Network) -> Reconstructor:
    """Return a network with the same weights in every process."""
    with seeded("contract"):
        return network()


NETWORKS: Mapping[str, Network] = {
    "cascade": partial(make_seeded, partial(Cascade, 2, 2, 4)),
    "varnet": partial(make_seeded, partial(VarNet, 2, 2, 2, 2, 2)),
}
"""Networks on k-space."""


def needs(library: str, extra: str) -> pytest.MarkDecorator:
    """Return the mark that skips a test where an engine's library is not installed."""
    reason = f"{library} isn't installed: pip install 'flmrcm[{extra}]'"
    return pytest.mark.skipif(find_spec(library) is None, reason=reason)


def over(via: str, library: str) -> Any:
    """Return a transport's engine as a parameter; its kit is loaded only where it is installed."""
    make = None
    if find_spec(library):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it imports what others deprecate
            make = import_module(f"kits.over_{via}").engine
    return pytest.param(make, id=via, marks=needs(library, via))


needs_ray = needs("ray", "ray")
ENGINES = [
    pytest.param(partial(InProcess, threads=1), id="in_process"),
    pytest.param(partial(Processes, workers=1), id="processes"),
    pytest.param(partial(RayActors, actors=1, threads=1), id="ray", marks=needs_ray),
    pytest.param(by_envelopes, id="envelopes"),
    over("flower", "flwr"),
    over("nvflare", "nvflare"),
]
"""An engine that joins this list has to pass the whole contract."""


def setting(root: Path, folder: Path, network: Network = make_unet, **changes: Any) -> Setting:
    """Return a federation's setting over the sites in a folder."""
    here = {"rounds": 3, "participants": CLINICS, "plan": PLAN, "network": network}
    sites = hospitals(root, needs_kspace=network is not make_unet)
    return Setting(sites, folder, **here | changes)


def clients(
    root: Path,
    strategy: Strategy,
    folder: Path,
    wire: str = "fp32",
    members: Mapping[str, Middleware] | None = None,
    network: Network = make_unet,
) -> dict[str, Client]:
    """Return the clients of the sites in a folder, with ledgers in another: a factory."""
    here = setting(root, folder, network, wire=wire)
    built = here.clients(here.runtime(strategy))
    add_ledgers(built, folder, wire=wire, more=members)
    return built


def engine_of(
    make: Any,
    root: Path,
    strategy: Strategy,
    folder: Path,
    wire: str = "fp32",
    members: Mapping[str, Middleware] | None = None,
    network: Network = make_unet,
) -> Any:
    """Return an engine with the sites of a folder behind it."""
    factory = partial(clients, root, strategy, folder, wire, members, network)
    return make(Clients(factory(), factory), MemoryStore(folder / "checkpoints" / "memory"))


def behind(
    engine: Any,
    federation: Rounds,
    wire: str = "fp32",
    members: Mapping[str, Middleware] | None = None,
) -> Rounds:
    """Return a federation on another engine, with the coordinator's ledger in its folder."""
    chain = server_chain(federation.strategy, federation.journal.path.parent, wire, members)
    return replace(federation, engine=engine, chain=chain)


def messages(sites: Sequence[str] = CLINICS, round_: int = 0) -> dict[str, Broadcast]:
    """Return a message with the initial weights for each site."""
    weights = Setting({}, Path()).module().model.state_dict()
    return {site: Broadcast(round_, {k: v.clone() for k, v in weights.items()}) for site in sites}


def broken(message: Broadcast) -> Broadcast:
    """Return a message from which no site can train: its loss is not finite."""
    nan = {name: torch.full_like(tensor, torch.nan) for name, tensor in message.weights.items()}
    return Broadcast(message.round, nan)
