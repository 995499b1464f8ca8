"""From a config to a federation; everything is checked before any data is touched."""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from flmrcm.assembly.borders import build_policies, crossing_problems
from flmrcm.assembly.checking import Gathering, plain
from flmrcm.assembly.clients import build_clients
from flmrcm.assembly.learner import build_learner
from flmrcm.assembly.parts import Parts
from flmrcm.assembly.sites import build_sources, chosen_participants, chosen_target
from flmrcm.data.site import Loading, Site
from flmrcm.errors import ConfigErrors, one_of
from flmrcm.federation.attendance import Tolerance
from flmrcm.federation.budget import BUDGETS, POOLED
from flmrcm.federation.checkpoint import CheckpointFolder
from flmrcm.federation.client import Client
from flmrcm.federation.crew import Crew
from flmrcm.federation.engine import Watch
from flmrcm.federation.journal import Journal, Tracker
from flmrcm.federation.ledger import LEDGER, Ledger
from flmrcm.federation.memory import MemoryStore
from flmrcm.federation.rounds import Federation, Plan
from flmrcm.learning.metrics import SSIM_WINDOW
from flmrcm.strategies.base import Strategy

log = logging.getLogger(__name__)

SCENARIOS = ("unseen", "participating")

IN_PROCESS = "flmrcm.engines.in_process.InProcess"

_GIB = 2**30


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
    found.build("engine", cfg.engine, clients=Crew({}, dict), store=MemoryStore())
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
    found, compute = Gathering(), parts.compute
    recipe = partial(clients_anew, parts.config, folder.resolve())
    engine = found.build(
        "engine",
        parts.config["engine"],
        clients=Crew(build_clients(parts, folder, watch), recipe),
        store=MemoryStore(folder / "checkpoints" / "memory", compute.memory_budget * _GIB),
    )
    found.raise_if_any()
    checkpoints = CheckpointFolder(folder / "checkpoints", parts.config["keep_every"], parts.config)
    journal, ledger = Journal(folder / "journal.csv"), Ledger(folder / LEDGER)
    plan = judgeable(parts)
    return Federation(parts.strategy, engine, plan, checkpoints, journal, trackers, ledger)


def clients_anew(config: Mapping[str, Any], folder: Path) -> dict[str, Client]:
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
    parts = check(OmegaConf.create({**config, **here}))
    return build_clients(replace(parts, config=config), folder, lambda _: None)


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
