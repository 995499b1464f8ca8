"""Three tiny hospitals, and a federation over them in one call."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from factories import make_site, make_unet, write_site
from laws_kit import TARGET

from flmrcm.data.site import Site
from flmrcm.engines.in_process import InProcess
from flmrcm.federation.checkpoint import CheckpointFolder
from flmrcm.federation.client import Client, Workshop
from flmrcm.federation.journal import Journal
from flmrcm.federation.local_training import LocalTraining
from flmrcm.federation.memory import MemoryStore
from flmrcm.federation.rounds import Federation, Plan
from flmrcm.learning.compute import Compute
from flmrcm.learning.judge import Judge
from flmrcm.learning.recon_module import ReconModule
from flmrcm.strategies.base import Strategy
from flmrcm.types import ServerState

# on images this small, threads that wait for each other cost fifty times what they compute
torch.set_num_threads(1)

SEED = 3


@dataclass
class Setting:
    """A federation to run; the defaults are the smallest that shows something."""

    sites: Mapping[str, Site]
    folder: Path
    rounds: int = 2
    participants: Sequence[str] = ("east", "north", "south")
    local: Mapping[str, Any] = field(default_factory=dict)
    plan: Mapping[str, Any] = field(default_factory=dict)
    learning_rate: float = 1e-3

    def module(self) -> ReconModule:
        return ReconModule(make_unet(), partial(torch.optim.RMSprop, lr=self.learning_rate))

    def federation(self, strategy: Strategy, module: ReconModule | None = None) -> Federation:
        module, compute = module or self.module(), Compute(accelerator="cpu")
        local = LocalTraining(module.make_optimizer, **{"epochs": 1, "batch_size": 2} | self.local)
        shop = Workshop(
            module, strategy, local, compute.fabric(), Judge(compute), SEED, lambda _: None
        )
        target = self.sites[TARGET] if strategy.needs_target_images else None
        clients = {name: Client(site, shop, target) for name, site in self.sites.items()}
        plan = Plan(self.rounds, self.participants, self.participants, seed=SEED, **self.plan)
        checkpoints = CheckpointFolder(self.folder / "checkpoints", 0, {})
        engine = InProcess(clients, MemoryStore(self.folder / "checkpoints" / "memory"), threads=1)
        return Federation(strategy, engine, plan, checkpoints, Journal(self.folder / "journal.csv"))

    def run(self, strategy: Strategy) -> ServerState:
        return self.federation(strategy).run(self.module().model.state_dict())


@pytest.fixture(scope="session")
def sites(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Site]:
    """Three hospitals with 16×16 slices; the north has fewer than the others."""
    root = tmp_path_factory.mktemp("hospitals")
    sizes = {"east": (4, 3), "north": (3,), "south": (5,)}
    return {
        name: make_site(
            write_site(root / name, {"train": train, "val": (2,), "test": (2,)}), seed=SEED
        )
        for name, train in sizes.items()
    }


@pytest.fixture
def setting(sites: dict[str, Site], tmp_path: Path) -> Callable[..., Setting]:
    """Gives a federation's setting in a folder of its own."""
    count = iter(range(1000))
    return lambda **changes: Setting(
        **{"sites": sites, "folder": tmp_path / f"run_{next(count)}"} | changes
    )


@pytest.fixture
def run(setting: Callable[..., Setting]) -> Callable[..., ServerState]:
    """Runs a strategy over the three hospitals and gives the state it ends in."""
    return lambda strategy, **changes: setting(**changes).run(strategy)


@pytest.fixture(scope="session")
def simulated_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which simulated data are made once for all tests."""
    return tmp_path_factory.mktemp("simulated")
