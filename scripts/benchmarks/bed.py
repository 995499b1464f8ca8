"""The test bed: a federation over sites of synthetic slices, without Hydra."""

import gc
import shutil
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from scipy.ndimage import gaussian_filter

from benchmarks.results import page_faults
from flmrcm.data.h5 import write_volume
from flmrcm.data.site import Loading, Site
from flmrcm.data.source import Source
from flmrcm.engines.in_process import InProcess
from flmrcm.federation.checkpoint import Checkpoint, CheckpointFolder
from flmrcm.federation.client import Client, ClientRuntime
from flmrcm.federation.journal import Journal, Tracker
from flmrcm.federation.local_training import LocalTraining
from flmrcm.federation.memory import MemoryStore
from flmrcm.federation.rounds import Rounds, TrainingPlan
from flmrcm.learning.compute import Compute
from flmrcm.learning.module import ReconModule
from flmrcm.learning.scoring import Evaluator
from flmrcm.models.discriminator import build_discriminator
from flmrcm.models.unet import UNet
from flmrcm.mri.fourier import fft2c
from flmrcm.mri.masks import Random
from flmrcm.seeding import seed_for, seeded
from flmrcm.strategies.base import Strategy
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.strategies.fl_mrcm import FLMRCM
from flmrcm.types import Memory, Weights

SEED = 1
RATE = 1e-4
POOLS = 4
_CONTRAST = "T1"

make_optimizer = partial(torch.optim.RMSprop, lr=RATE)
"""The published optimizer at its published rate."""

LOADING = Loading(batch_size=4, cache="ram", seed=SEED)
TRAINING = LocalTraining(make_optimizer, epochs=1, batch_size=4)
ONE_ROUND = TrainingPlan(rounds=1, participants=(), validation_sites=())


@dataclass
class Files:
    """How long a run spends on its files: checkpoints and sites' private memories."""

    seconds: float = 0.0

    @contextmanager
    def watched(self) -> Generator[None]:
        """Adds the time of a block."""
        start = time.perf_counter()
        yield
        self.seconds += time.perf_counter() - start


class WatchedCheckpoints(CheckpointFolder):
    """A checkpoint folder whose writing is timed."""

    def __init__(self, folder: Path, files: Files) -> None:
        super().__init__(folder, 0, {})
        self.files = files

    def save(self, checkpoint: Checkpoint) -> list[Mapping[str, int]]:
        """Writes a checkpoint."""
        with self.files.watched():
            return super().save(checkpoint)


class WatchedStore(MemoryStore):
    """A memory store whose writing is timed."""

    def __init__(self, folder: Path | None, budget: float, files: Files) -> None:
        super().__init__(folder, budget)
        self.files = files

    def save(self, site: str, memory: Memory, round_: int) -> None:
        """Keeps a memory."""
        with self.files.watched():
            super().save(site, memory, round_)


class Ran(NamedTuple):
    """One round.

    Attributes:
        weights: the global weights after it.
        seconds: it took, files included.
        files: seconds of it spent on files.
        faults: pages the system handed out for it.
    """

    weights: Weights
    seconds: float
    files: float
    faults: int


@dataclass(frozen=True)
class Bed:
    """Sites on disk and everything that is needed to train over them.

    Args:
        folder: where the sites and the runs go.
        slices: training slices of each site.
        participants: the sites that train.
        image: height and width, pixels.
        channels: of the U-Net's first level.
        loading: how slices become batches.
        training: what a site does in a round.
    """

    folder: Path
    slices: Mapping[str, int]
    participants: Sequence[str]
    image: int
    channels: int
    loading: Loading = LOADING
    training: LocalTraining = TRAINING

    @cached_property
    def sites(self) -> dict[str, Site]:
        """The sites; written when they're first asked for."""
        return {name: self._site(name, n) for name, n in self.slices.items()}

    def module(self) -> ReconModule:
        """Gives a learner with the bed's initial weights."""
        return make_module(self.channels)

    def federation(
        self,
        strategy: Strategy,
        run: Path,
        plan: TrainingPlan = ONE_ROUND,
        budget: float = float("inf"),
        trackers: Sequence[Tracker] = (),
    ) -> tuple[Rounds, Files]:
        """Gives a federation without validation, and the watch on its files.

        Args:
            strategy: the algorithm.
            run: the run's folder.
            plan: the rounds; who takes part is the bed's.
            budget: bytes of private memory kept in RAM; the files are written in any case.
            trackers: shown what the journal gets.
        """
        files, clients = Files(), self.clients(strategy)
        store = WatchedStore(run / "memory", budget, files)
        engine = InProcess(clients, store, torch.get_num_threads())
        plan = replace(plan, participants=self.participants)
        checkpoints, journal = WatchedCheckpoints(run, files), Journal(run / "journal.csv")
        return Rounds(strategy, engine, plan, checkpoints, journal, trackers), files

    def clients(self, strategy: Strategy) -> dict[str, Client]:
        """Gives a client for each site; none of them is watched."""
        compute, module = Compute(accelerator="cpu"), self.module()
        compute.prepare_model(module.model)
        fabric, judge = compute.build_fabric(), Evaluator(compute)
        shop = ClientRuntime(module, strategy, self.training, fabric, judge, SEED, lambda _: None)
        target = self.sites[str(strategy.target)] if strategy.needs_target_images else None
        return {name: Client(site, shop, target) for name, site in self.sites.items()}

    def one_round(self, strategy: Strategy) -> Ran:
        """Runs one round from the initial weights in a folder of its own."""
        run = self.folder / "run"
        shutil.rmtree(run, ignore_errors=True)
        federation, files = self.federation(strategy, run)
        initial = self.module().model.state_dict()
        gc.collect()
        start, faults = time.perf_counter(), page_faults()
        weights = federation.run(initial).weights
        seconds = time.perf_counter() - start
        return Ran(weights, seconds, files.seconds, page_faults() - faults)

    def _site(self, name: str, n: int) -> Site:
        root = self.folder / "sites" / name
        for split in ("train", "val"):
            path = root / _CONTRAST / split / "volume.h5"
            if not path.exists():
                write_slices(path, n, self.image)
        return Site(name, [Source(name, root, _CONTRAST, Random((4,)))], self.loading)


def write_slices(path: Path, n: int, size: int) -> None:
    """Writes a volume of smooth complex images that follow from the names in its path."""
    rng = np.random.default_rng(seed_for(*path.parts[-4:]))
    magnitude, phase = gaussian_filter(rng.standard_normal((2, n, size, size)), (0, 0, 3, 3)) * 10
    image = torch.from_numpy((np.abs(magnitude) * np.exp(1j * phase)).astype(np.complex64))
    write_volume(path, fft2c(image).numpy(), image.abs().numpy(), {"origin": "benchmark"})


def make_module(channels: int) -> ReconModule:
    """Gives a U-Net of the published depth, ready to learn; always with the same weights."""
    with seeded("benchmark", SEED):
        return ReconModule(UNet(channels, POOLS), make_optimizer)


def fl_mr(target: str) -> FedAvg:
    """Gives federated averaging."""
    return FedAvg("FL-MR", target)


def fl_mrcm(target: str, alignment: str = "images") -> FLMRCM:
    """Gives cross-site modelling with the published numbers."""
    return FLMRCM(
        "FL-MRCM",
        target,
        alignment=alignment,
        discriminator=build_discriminator,
        discriminator_optimizer=torch.optim.RMSprop,
    )
