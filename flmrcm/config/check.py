"""From a config to a federation; everything is checked before any data is touched."""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from flmrcm.config.build import Builder, to_plain
from flmrcm.config.clients import build_clients
from flmrcm.config.learner import build_learner
from flmrcm.config.policies import build_policies, find_crossing_problems
from flmrcm.config.setup import Setup
from flmrcm.config.sites import build_sources, choose_participants, choose_target
from flmrcm.config.travelling import find_split_problems, has_remote_sites, remove_data_paths
from flmrcm.data.site import Loading, Site
from flmrcm.errors import ConfigErrors, check_choice
from flmrcm.federation.checkpoint import CheckpointFolder
from flmrcm.federation.client import Client
from flmrcm.federation.clients import Clients
from flmrcm.federation.engine import Engine, OnProgress
from flmrcm.federation.journal import Journal, Tracker
from flmrcm.federation.ledger import LEDGER, Ledger
from flmrcm.federation.memory import MemoryStore
from flmrcm.federation.participation import Tolerance
from flmrcm.federation.rounds import Rounds, TrainingPlan
from flmrcm.federation.site_facts import SiteFacts, collect_facts
from flmrcm.federation.workload import BUDGETS, POOLED
from flmrcm.learning.metrics import SSIM_WINDOW
from flmrcm.strategies.base import Strategy

log = logging.getLogger(__name__)

SCENARIOS = ("unseen", "participating")

IN_PROCESS = "flmrcm.engines.in_process.InProcess"

_GIB = 2**30


def check_config(cfg: DictConfig) -> Setup:
    """Builds everything a training config describes, short of reading data.

    Raises:
        ConfigErrors: all problems together, each naming key, value and what is allowed.
    """
    found = Builder()
    if has_remote_sites(cfg):
        found.problems += find_split_problems(cfg)
        cfg = remove_data_paths(cfg)
    compute, module, local = build_learner(cfg, found)
    sites = build_sites(cfg, found, bool(module and module.model.needs_kspace))
    participants = found.attempt("participants", lambda: choose_participants(cfg)) or []
    target = found.attempt("target", lambda: choose_target(cfg.target, cfg))
    strategy = found.build("strategy", cfg.strategy, target=target)
    tolerance = found.call(Tolerance, {f"robust.{k}": v for k, v in _read_tolerance(cfg).items()})
    plan = found.call(
        TrainingPlan,
        {key: cfg[key] for key in ("rounds", "participation", "validate_every", "seed")},
        tolerance=tolerance or Tolerance(),
        participants=[POOLED] if cfg.pooled else participants,
        validation_sites=sorted({*participants, *([target] if target else [])}),
        selection_sites=participants,
    )
    found.problems += _find_word_problems(cfg)
    if POOLED in sites:
        found.problems.append(f"sites.{POOLED}: this name is taken; give the site another.")
    if isinstance(strategy, Strategy) and strategy.needs_target and cfg.target is None:
        found.problems.append(f"target=null: {strategy.name} aligns sites with one; name it.")
    policies = build_policies(cfg, found)
    if plan and isinstance(strategy, Strategy):
        found.problems += find_crossing_problems(cfg, strategy, plan, policies)
    found.build("engine", cfg.engine, clients=Clients({}, dict), store=MemoryStore())
    found.raise_if_any()
    config = {**to_plain(cfg), "participants": participants, "target": target}
    pool = _pool_sites(sites, participants) if cfg.pooled else None
    return Setup(config, sites, strategy, local, plan, compute, module, pool, policies)  # pyright: ignore[reportArgumentType]


def _find_word_problems(cfg: DictConfig) -> list[str]:
    problems = check_choice("budget", cfg.budget, BUDGETS)
    problems += check_choice("scenario", cfg.scenario or "null", ("null", *SCENARIOS))
    problems += check_choice("test.checkpoint", cfg.test.checkpoint, ("last", "best"))
    return problems + (
        [] if isinstance(cfg.pooled, bool) else [f"pooled={cfg.pooled}: true or false."]
    )


def build_sites(cfg: DictConfig, found: Builder, needs_kspace: bool) -> dict[str, Site]:
    """Gives the sites a config describes by name, sorted; their data aren't touched."""
    keys = {f"data.{key}": cfg.data[key] for key in ("resolution", "clamp_target", "cache")}
    keys |= {"local.batch_size": cfg.local.batch_size, "compute.workers": cfg.compute.workers}
    loading = found.call(Loading, keys, needs_kspace=needs_kspace, seed=cfg.seed)
    sources = build_sources(cfg, found)
    if loading is None:
        return {}
    return {name: Site(name, [source], loading) for name, source in sources.items()}


def _read_tolerance(cfg: DictConfig) -> dict[str, Any]:
    return to_plain(cfg.get("robust")) or {}  # a run begun before there were such keys has none


def _pool_sites(sites: Mapping[str, Site], participants: Sequence[str]) -> Site:
    members = [sites[name] for name in participants]
    sources = [source for site in members for source in site.sources]
    return Site(POOLED, sources, members[0].loading)


def prepare_data(parts: Setup) -> dict[str, SiteFacts]:
    """Makes generated data, reads every header, and checks what only the data can tell.

    Raises:
        DataLayoutError: a folder or volume isn't as the contract asks.
        ConfigErrors: the model or the cache doesn't fit the data.
    """
    for site in parts.sites.values():
        site.ensure()
    facts = {
        name: collect_facts(s, parts.list_needed_splits(name)) for name, s in parts.clients.items()
    }
    check_facts(parts, facts)
    if parts.config["data"]["cache"] == "ram":
        _announce_cache(sum(fact.n_bytes for fact in facts.values()))
    return facts


def check_facts(parts: Setup, facts: Mapping[str, SiteFacts]) -> None:
    """Refuses images that the model or its scores can't take.

    Raises:
        ConfigErrors: all problems together.
    """
    problems: list[str] = []
    for name, fact in facts.items():
        for height, width in chain.from_iterable(fact.sizes.values()):
            if min(height, width) < SSIM_WINDOW:
                problems.append(f"site {name}: {height}×{width} images; SSIM needs 7×7.")
            if problem := parts.module.model.find_size_problem(height, width):
                problems.append(problem)
    if problems:
        raise ConfigErrors(sorted(set(problems)))


def build_engine(parts: Setup, folder: Path, watch: OnProgress) -> Engine:
    """Gives the engine with the sites' clients behind it."""
    found, compute = Builder(), parts.compute
    factory = partial(rebuild_clients, parts.config, folder.resolve())
    engine = found.build(
        "engine",
        parts.config["engine"],
        clients=Clients(build_clients(parts, folder, watch), factory),
        store=MemoryStore(folder / "checkpoints" / "memory", compute.memory_budget * _GIB),
    )
    found.raise_if_any()
    return engine


def build_rounds(
    parts: Setup,
    engine: Engine,
    facts: Mapping[str, SiteFacts],
    folder: Path,
    trackers: Sequence[Tracker],
) -> Rounds:
    """Gives the federation, ready to run in a folder."""
    checkpoints = CheckpointFolder(folder / "checkpoints", parts.config["keep_every"], parts.config)
    journal, ledger = Journal(folder / "journal.csv"), Ledger(folder / LEDGER)
    plan = drop_unvalidated(parts, facts)
    return Rounds(parts.strategy, engine, plan, checkpoints, journal, trackers, ledger)


def rebuild_clients(config: Mapping[str, Any], folder: Path) -> dict[str, Client]:
    """Gives the clients of a checked config in another process, which nobody watches.

    Args:
        config: resolved, plain, as in `Parts`.
        folder: the run's; the sites' own books lie there.
    """
    here = {
        "engine": {"_target_": IN_PROCESS},
        "robust": None,  # what a round bears is the coordinator's business
        "compute": {**config["compute"], "device": 0},  # the only one its engine lets it see
        "init_from": None,  # every call brings its weights
    }
    parts = check_config(OmegaConf.create({**config, **here}))
    return build_clients(replace(parts, config=config), folder, lambda _: None)


def drop_unvalidated(parts: Setup, facts: Mapping[str, SiteFacts]) -> TrainingPlan:
    """Gives the plan without a target that has no validation split and takes no part."""
    judged = [
        name for name in parts.plan.validation_sites if name not in facts or facts[name].has("val")
    ]
    return replace(parts.plan, validation_sites=judged)


def _announce_cache(needed: int) -> None:
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    log.info("data.cache=ram keeps %.1f GiB of slices; %.1f are free", needed / _GIB, free / _GIB)
    if needed > free:
        sizes = f"{needed / _GIB:.1f} GiB are needed, {free / _GIB:.1f} are free"
        raise ConfigErrors([f"data.cache=ram: {sizes}; use data.cache=off."])
