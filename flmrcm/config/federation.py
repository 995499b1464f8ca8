"""From a checked setup to a federation: its engine, who is there, and the rounds."""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from flmrcm.config.build import Builder
from flmrcm.config.check import check_config
from flmrcm.config.clients import build_clients
from flmrcm.config.middleware import build_server_chain
from flmrcm.config.setup import Setup
from flmrcm.config.travelling import select_travelling_config
from flmrcm.errors import ConfigErrors, SiteFailed
from flmrcm.federation.checkpoint import CheckpointFolder
from flmrcm.federation.client import Client
from flmrcm.federation.clients import Clients
from flmrcm.federation.engine import JOIN, Engine, Joined, OnProgress
from flmrcm.federation.journal import Journal, Tracker
from flmrcm.federation.memory import MemoryStore
from flmrcm.federation.rounds import Rounds, TrainingPlan
from flmrcm.federation.site_facts import SiteFacts, find_size_problems
from flmrcm.federation.workload import divide_workload
from flmrcm.file_queue import FileQueue, FileThread
from flmrcm.middleware.ledger import (
    CONFIG,
    FACTS,
    FROM_SITE,
    TO_SITE,
    Ledger,
    list_error,
    list_values,
)

log = logging.getLogger(__name__)

IN_PROCESS = "flmrcm.engines.in_process.InProcess"

_GIB = 2**30


def build_engine(setup: Setup, folder: Path, on_progress: OnProgress) -> Engine:
    """Return the engine of sites on this machine, their clients behind it."""
    builder, budget = Builder(), setup.compute.memory_budget * _GIB
    # sites in other processes write files of their own, which a checkpoint must not come before
    here = setup.config["engine"]["_target_"] == IN_PROCESS
    files = FileThread() if here else FileQueue()
    factory = partial(rebuild_clients, setup.config, folder.resolve())
    engine = builder.build(
        "engine",
        setup.config["engine"],
        clients=Clients(build_clients(setup, folder, on_progress), factory),
        store=MemoryStore(folder / "checkpoints" / "memory", budget, files),
    )
    builder.raise_if_any()
    return engine


def build_remote_engine(setup: Setup, connection: Any) -> Engine:
    """Return the engine of sites elsewhere, over a connection to them."""
    builder, nobody = Builder(), Clients(dict.fromkeys(setup.sites), dict)  # pyright: ignore[reportArgumentType]
    engine = builder.build(
        "engine",
        setup.config["engine"],
        clients=nobody,
        store=MemoryStore(),
        connection=connection,
    )
    builder.raise_if_any()
    return engine


def rebuild_clients(config: Mapping[str, Any], folder: Path) -> dict[str, Client]:
    """Return the clients of a checked config in another process, where nobody sees progress.

    Args:
        config: resolved, plain, as in `Setup`.
        folder: the run's; what sites note and keep lies below it.
    """
    here = {
        "engine": {"_target_": IN_PROCESS},
        "robust": None,  # which failures a round tolerates is the coordinator's business
        "compute": {**config["compute"], "device": 0},  # the only one its engine lets it see
    }
    setup = check_config(OmegaConf.create({**config, **here}))
    return build_clients(replace(setup, config=config), folder, lambda _: None)


def join_sites(setup: Setup, engine: Engine, ledger: Ledger) -> dict[str, SiteFacts]:
    """Return the facts of the sites that joined, and give the engine each site's workload.

    Args:
        setup: checked.
        engine: of its sites.
        ledger: the coordinator's; written where facts cross to another machine.

    Raises:
        DataLayoutError: local data are not as the contract asks.
        SiteFailed: a site that is needed did not join; every reason is in the message.
        ConfigErrors: the model, its scores or the cache do not fit the data.
    """
    joined = engine.join({n: setup.list_needed_splits(n) for n in engine.sites()})
    facts, reasons = joined.facts, joined.reasons
    if not engine.data_is_local:
        _record_joining(setup, joined, ledger)
    _require_sites(setup, facts, reasons)
    check_facts(setup, facts)
    if setup.config["data"]["cache"] == "ram" and engine.data_is_local:
        _announce_cache(sum(fact.n_bytes for fact in facts.values()))
    batches = {name: fact.n_batches for name, fact in facts.items() if fact.has("train")}
    engine.workloads = divide_workload(
        setup.config["budget"],
        setup.local.epochs,
        batches,
        setup.plan.participants,
        setup.local.accumulate,
    )
    return dict(facts)


def check_facts(setup: Setup, facts: Mapping[str, SiteFacts]) -> None:
    """Raise an error for images that the model, its loss or its scores cannot take.

    Raises:
        ConfigErrors: all problems together.
    """
    problems = _find_target_problems(setup, facts)
    for name, fact in facts.items():
        sizes = chain.from_iterable(fact.sizes.values())
        problems += find_size_problems(name, sizes, setup.module.model)
    if problems:
        raise ConfigErrors(sorted(set(problems)))


def _find_target_problems(setup: Setup, facts: Mapping[str, SiteFacts]) -> list[str]:
    """Return a line for each site that trains, or chooses the best round, without targets."""
    problems = [
        f"site {name}: some of its training volumes hold no target, which its loss reads; leave "
        f"them out of train/, or train it without targets: sites.{name}.loss=ssdu."
        for name in setup.plan.participants
        if name in facts and facts[name].needs_target and "train" in facts[name].incomplete
    ]
    choosing = [n for n in setup.plan.selection_sites if n not in facts or facts[n].scores("val")]
    asked = {
        "test.checkpoint=best": setup.config["test"].get("checkpoint") == "best",
        "early_stopping.patience": setup.plan.stopping.patience is not None,
    }
    if setup.plan.selection_sites and not choosing:
        problems += [
            f"{key}: no participant has a validation volume with a target by which the best round "
            "is chosen; leave it out."
            for key in asked
            if asked[key]
        ]
    return problems


def build_rounds(
    setup: Setup,
    engine: Engine,
    facts: Mapping[str, SiteFacts],
    folder: Path,
    trackers: Sequence[Tracker],
) -> Rounds:
    """Return the federation, ready to run in a folder."""
    checkpoints = CheckpointFolder(folder / "checkpoints", setup.config["keep_every"], setup.config)
    journal, chain_ = open_journal(setup, folder), build_server_chain(setup, folder)
    plan = drop_unvalidated(setup, facts)
    return Rounds(setup.strategy, engine, plan, checkpoints, journal, trackers, chain_)


def open_journal(setup: Setup, folder: Path) -> Journal:
    """Return the journal of a run's folder; whether it may have lost lines, the config says."""
    return Journal(folder / "journal.csv", setup.config.get("accept_lost_journal", False))


def drop_unvalidated(setup: Setup, facts: Mapping[str, SiteFacts]) -> TrainingPlan:
    """Return the plan without sites that have no validation volume to be scored."""
    sites = [n for n in setup.plan.validation_sites if n not in facts or facts[n].scores("val")]
    if silent := [name for name in setup.plan.selection_sites if name not in sites]:
        log.warning(
            "%s: no validation volume with a target; the best round is chosen without",
            ", ".join(silent),
        )
    return replace(setup.plan, validation_sites=sites)


def _record_joining(setup: Setup, joined: Joined, ledger: Ledger) -> None:
    config = select_travelling_config(setup.config)
    for name in setup.sites:
        ledger.write(list_values(name, TO_SITE, CONFIG, config))
        if name in joined.facts:
            ledger.write(list_values(name, FROM_SITE, FACTS, asdict(joined.facts[name])))
        if name in joined.kinds:
            ledger.write([list_error(0, name, JOIN, joined.kinds[name])])


def _require_sites(
    setup: Setup, facts: Mapping[str, SiteFacts], reasons: Mapping[str, str]
) -> None:
    plan, tolerance = setup.plan, setup.plan.tolerance
    needed = {setup.aligned_with} if setup.aligned_with else set[str]()
    if not tolerance.tolerates_failures or setup.config["budget"] == "steps":
        needed |= {*plan.participants, *plan.validation_sites}
    missing = sorted(needed & reasons.keys())
    present = [site for site in plan.participants if site in facts]
    if missing:
        raise SiteFailed("\n".join(reasons[site] for site in missing))
    if len(present) < (least := tolerance.count_needed(plan.n_drawn)):
        why = "".join(f"\n{reasons[site]}" for site in sorted(reasons))
        raise SiteFailed(
            f"{least} sites have to take part (robust.quorum), {len(present)} do.{why}"
        )
    for reason in reasons.values():
        log.warning("%s The run begins without it.", reason)


def _announce_cache(needed: int) -> None:
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    log.info("data.cache=ram keeps %.1f GiB of slices; %.1f are free", needed / _GIB, free / _GIB)
    if needed > free:
        sizes = f"{needed / _GIB:.1f} GiB are needed, {free / _GIB:.1f} are free"
        raise ConfigErrors([f"data.cache=ram: {sizes}; use data.cache=off."])
