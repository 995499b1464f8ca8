"""From a config to a federation; everything is checked before any data is touched."""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from flmrcm.assembly.borders import build_policies, crossing_problems
from flmrcm.assembly.checking import Gathering, plain
from flmrcm.assembly.learner import build_learner
from flmrcm.assembly.sites import build_sources, chosen_participants, chosen_target
from flmrcm.data.site import Loading, Site
from flmrcm.errors import ConfigErrors, one_of
from flmrcm.federation.attendance import Tolerance
from flmrcm.federation.border import Border, HousePolicy
from flmrcm.federation.budget import BUDGETS, POOLED, Share, shares
from flmrcm.federation.checkpoint import CheckpointFolder
from flmrcm.federation.client import Client, Workshop
from flmrcm.federation.engine import Watch
from flmrcm.federation.journal import Journal, Tracker
from flmrcm.federation.ledger import LEDGER, Ledger
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
        policies: what sites allow, by name; those without one allow everything.
    """

    config: Mapping[str, Any]
    sites: Mapping[str, Site]
    strategy: Strategy
    local: LocalTraining
    plan: Plan
    compute: Compute
    module: ReconModule
    pooled: Site | None = None
    policies: Mapping[str, HousePolicy] = field(default_factory=dict[str, HousePolicy])

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
    tolerance = found.call(Tolerance, {f"robust.{k}": v for k, v in _robust(cfg).items()})
    plan = found.call(
        Plan,
        {key: cfg[key] for key in ("rounds", "participation", "validate_every", "seed")},
        tolerance=tolerance or Tolerance(),
        participants=[POOLED] if cfg.pooled else participants,
        judged=sorted({*participants, *([target] if target else [])}),
        chosen_by=participants,
    )
    found.problems += _word_problems(cfg)
    if POOLED in sites:
        found.problems.append(f"sites.{POOLED}: this name is taken; give the site another.")
    if isinstance(strategy, Strategy) and strategy.needs_target and cfg.target is None:
        found.problems.append(f"target=null: {strategy.name} aligns sites with one; name it.")
    policies = build_policies(cfg, found)
    if plan and isinstance(strategy, Strategy):
        found.problems += crossing_problems(cfg, strategy, plan, policies)
    found.raise_if_any()
    config = {**plain(cfg), "participants": participants, "target": target}
    pool = _pooled(sites, participants) if cfg.pooled else None
    return Parts(config, sites, strategy, local, plan, compute, module, pool, policies)  # pyright: ignore[reportArgumentType]


def _word_problems(cfg: DictConfig) -> list[str]:
    problems = one_of("budget", cfg.budget, BUDGETS)
    problems += one_of("scenario", cfg.scenario or "null", ("null", *SCENARIOS))
    problems += one_of("test.checkpoint", cfg.test.checkpoint, ("last", "best"))
    return problems + (
        [] if isinstance(cfg.pooled, bool) else [f"pooled={cfg.pooled}: true or false."]
    )


def build_sites(cfg: DictConfig, found: Gathering, needs_kspace: bool) -> dict[str, Site]:
    """Gives the sites a config describes by name, sorted; their data aren't touched."""
    keys = {f"data.{key}": cfg.data[key] for key in ("resolution", "clamp_target", "cache")}
    keys |= {"local.batch_size": cfg.local.batch_size, "compute.workers": cfg.compute.workers}
    loading = found.call(Loading, keys, needs_kspace=needs_kspace, seed=cfg.seed)
    sources = build_sources(cfg, found)
    if loading is None:
        return {}
    return {name: Site(name, [source], loading) for name, source in sources.items()}


def _robust(cfg: DictConfig) -> dict[str, Any]:
    return plain(cfg.get("robust")) or {}  # a run begun before there were such keys has none


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
    compute, found = parts.compute, Gathering()
    compute.ready(parts.module.model)
    judge = Judge(compute)
    shop = Workshop(
        parts.module, parts.strategy, parts.local, compute.fabric(), judge, parts.plan.seed, watch
    )
    shown = parts.strategy.target if parts.strategy.needs_target_images else None
    target = parts.sites[shown] if shown else None
    work = _shares(parts)
    clients = {
        name: Client(site, shop, target, work.get(name), _border(name, parts, folder))
        for name, site in parts.clients.items()
    }
    checkpoints = CheckpointFolder(folder / "checkpoints", parts.config["keep_every"], parts.config)
    store = MemoryStore(folder / "checkpoints" / "memory", compute.memory_budget * _GIB)
    engine = found.build(
        "engine",
        parts.config["engine"],
        clients=clients,
        store=store,
    )
    found.raise_if_any()
    journal, ledger = Journal(folder / "journal.csv"), Ledger(folder / LEDGER)
    plan = judgeable(parts)
    return Federation(parts.strategy, engine, plan, checkpoints, journal, trackers, ledger)


def _border(site: str, parts: Parts, folder: Path) -> Border:
    return Border(site, parts.policies.get(site), Ledger(folder / "sites" / site / LEDGER))


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
