"""From a config to a federation; everything is checked before any data is touched."""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from flmrcm.assembly.checking import Gathering, plain
from flmrcm.assembly.engine import IN_PROCESS, build_engine, check_engine
from flmrcm.assembly.learner import build_learner
from flmrcm.assembly.sites import build_sources, chosen_participants, chosen_target
from flmrcm.data.site import Loading, Site
from flmrcm.errors import ConfigErrors, one_of
from flmrcm.federation.budget import BUDGETS, POOLED, Share, shares
from flmrcm.federation.checkpoint import CheckpointFolder
from flmrcm.federation.client import Client, Workshop
from flmrcm.federation.crew import Crew
from flmrcm.federation.engine import Watch
from flmrcm.federation.journal import Journal, Tracker
from flmrcm.federation.local_training import LocalTraining
from flmrcm.federation.memory import MemoryStore
from flmrcm.federation.rounds import Federation, Plan
from flmrcm.learning.compute import Compute
from flmrcm.learning.judge import Judge
from flmrcm.learning.metrics import SSIM_WINDOW
from flmrcm.learning.recon_module import ReconModule
from flmrcm.strategies.base import Strategy

log = logging.getLogger(__name__)

SCENARIOS = ("unseen", "participating")

_GIB = 2**30


@dataclass(frozen=True)
class Parts:
    """What a training config describes, built and checked; no data has been touched.

    Attributes:
        config: resolved, plain.
        sites: by name, sorted.
        strategy: the federated algorithm.
        local: a site's share of a round.
        plan: the rounds.
        compute: device and arithmetic.
        module: the learner with the run's initial weights.
        pooled: a site that holds the data of all participants; None unless they're pooled.
    """

    config: Mapping[str, Any]
    sites: Mapping[str, Site]
    strategy: Strategy
    local: LocalTraining
    plan: Plan
    compute: Compute
    module: ReconModule
    pooled: Site | None = None

    @property
    def clients(self) -> dict[str, Site]:
        """The sites that may be called, a pool too; only `sites` are judged at the end."""
        return {**self.sites, **({POOLED: self.pooled} if self.pooled else {})}

    @property
    def aligned_with(self) -> str | None:
        """The target where the strategy aligns sites with it."""
        return self.strategy.target if self.strategy.needs_target else None

    def splits_needed(self, site: str) -> list[str]:
        """Gives the splits of a site that training can't do without."""
        trains = site in self.plan.participants or site == self.aligned_with
        return ["train"] * trains + ["val"] * (site in self.plan.chosen_by)


def check(cfg: DictConfig) -> Parts:
    """Builds everything a training config describes, short of reading data.

    Raises:
        ConfigErrors: all problems together, each naming key, value and what is allowed.
    """
    found = Gathering()
    compute, module, local = build_learner(cfg, found)
    sites = build_sites(cfg, found, bool(module and module.model.needs_kspace))
    participants = found.attempt("participants", lambda: chosen_participants(cfg)) or []
    target = found.attempt("target", lambda: chosen_target(cfg.target, cfg))
    strategy = found.build("strategy", cfg.strategy, target=target)
    plan = found.call(
        Plan,
        {key: cfg[key] for key in ("rounds", "participation", "validate_every", "seed")},
        participants=[POOLED] if cfg.pooled else participants,
        judged=sorted({*participants, *([target] if target else [])}),
        chosen_by=participants,
    )
    found.problems += one_of("budget", cfg.budget, BUDGETS)
    found.problems += one_of("scenario", cfg.scenario or "null", ("null", *SCENARIOS))
    found.problems += one_of("pooled", cfg.pooled, (True, False))
    if POOLED in sites:
        found.problems.append(f"sites.{POOLED}: this name is taken; give the site another.")
    found.problems += one_of("test.checkpoint", cfg.test.checkpoint, ("last", "best"))
    if isinstance(strategy, Strategy) and strategy.needs_target and cfg.target is None:
        found.problems.append(f"target=null: {strategy.name} aligns sites with one; name it.")
    check_engine(cfg, strategy, found)
    found.raise_if_any()
    config = {**plain(cfg), "participants": participants, "target": target}
    pool = _pooled(sites, participants) if cfg.pooled else None
    return Parts(config, sites, strategy, local, plan, compute, module, pool)  # pyright: ignore[reportArgumentType]


def build_sites(cfg: DictConfig, found: Gathering, needs_kspace: bool) -> dict[str, Site]:
    """Gives the sites a config describes by name, sorted; their data aren't touched."""
    keys = {f"data.{key}": cfg.data[key] for key in ("resolution", "clamp_target", "cache")}
    keys |= {"local.batch_size": cfg.local.batch_size, "compute.workers": cfg.compute.workers}
    loading = found.call(Loading, keys, needs_kspace=needs_kspace, seed=cfg.seed)
    sources = build_sources(cfg, found)
    if loading is None:
        return {}
    return {name: Site(name, [source], loading) for name, source in sources.items()}


def _pooled(sites: Mapping[str, Site], participants: Sequence[str]) -> Site:
    members = [sites[name] for name in participants]
    sources = [source for site in members for source in site.sources]
    return Site(POOLED, sources, members[0].loading)


def prepare_data(parts: Parts) -> None:
    """Makes generated data, reads every header, and checks what only the data can tell.

    Raises:
        DataLayoutError: a folder or volume isn't as the contract asks.
        ConfigErrors: the model or the cache doesn't fit the data.
    """
    for site in parts.sites.values():
        site.ensure()
    problems: list[str] = []
    needed = 0
    for name, site in parts.clients.items():
        for split in parts.splits_needed(name):
            needed += site.n_bytes(split)
            site.check_masks(split)
            for height, width in sorted(site.image_sizes(split)):
                if min(height, width) < SSIM_WINDOW:
                    problems.append(f"site {name}: {height}×{width} images; SSIM needs 7×7.")
                if problem := parts.module.model.size_problem(height, width):
                    problems.append(problem)
    if problems:
        raise ConfigErrors(sorted(set(problems)))
    if parts.config["data"]["cache"] == "ram":
        _announce_cache(needed)


def build_federation(
    parts: Parts, folder: Path, trackers: Sequence[Tracker], watch: Watch
) -> Federation:
    """Gives the federation, ready to run in a folder."""
    crew = Crew(build_clients(parts, watch), partial(clients_anew, parts.config))
    store = MemoryStore(folder / "checkpoints" / "memory", parts.compute.memory_budget * _GIB)
    engine = build_engine(parts.config["engine"], crew, store)
    checkpoints = CheckpointFolder(folder / "checkpoints", parts.config["keep_every"], parts.config)
    journal = Journal(folder / "journal.csv")
    return Federation(parts.strategy, engine, judgeable(parts), checkpoints, journal, trackers)


def build_clients(parts: Parts, watch: Watch) -> dict[str, Client]:
    """Gives a client for each site that may be called."""
    compute = parts.compute
    compute.ready(parts.module.model)
    judge = Judge(compute)
    shop = Workshop(
        parts.module, parts.strategy, parts.local, compute.fabric(), judge, parts.plan.seed, watch
    )
    shown = parts.strategy.target if parts.strategy.needs_target_images else None
    target = parts.sites[shown] if shown else None
    work = _shares(parts)
    return {n: Client(site, shop, target, work.get(n)) for n, site in parts.clients.items()}


def clients_anew(config: Mapping[str, Any]) -> dict[str, Client]:
    """Gives the clients of a checked config in another process, which nobody watches.

    Args:
        config: resolved, plain, as in `Parts`.
    """
    here = {
        "engine": {"_target_": IN_PROCESS},
        "compute": {**config["compute"], "device": 0},  # the only one its engine lets it see
        "init_from": None,  # every call brings its weights
    }
    return build_clients(check(OmegaConf.create({**config, **here})), lambda _: None)


def _shares(parts: Parts) -> dict[str, Share]:
    steps = parts.config["budget"] == "steps"
    counted = {name for name, site in parts.clients.items() if steps and site.has("train")}
    batches = {name: parts.clients[name].n_batches for name in sorted(counted)}
    epochs, participants = parts.local.epochs, parts.plan.participants
    return shares(parts.config["budget"], epochs, batches, participants)


def judgeable(parts: Parts) -> Plan:
    """Gives the plan without a target that has no validation split and takes no part."""
    judged = [name for name in parts.plan.judged if parts.sites[name].has("val")]
    return replace(parts.plan, judged=judged)


def _announce_cache(needed: int) -> None:
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    log.info("data.cache=ram keeps %.1f GiB of slices; %.1f are free", needed / _GIB, free / _GIB)
    if needed > free:
        sizes = f"{needed / _GIB:.1f} GiB are needed, {free / _GIB:.1f} are free"
        raise ConfigErrors([f"data.cache=ram: {sizes}; use data.cache=off."])
