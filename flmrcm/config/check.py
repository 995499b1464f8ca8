"""From a config to the objects it describes; everything is checked before any data is touched."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from omegaconf import DictConfig

from flmrcm.config.allow_list import AllowList
from flmrcm.config.build import Builder, to_plain
from flmrcm.config.coil_maps import build_coil_maps, needs_center
from flmrcm.config.identity import find_precision
from flmrcm.config.learner import build_learner, build_site_losses
from flmrcm.config.middleware import (
    build_members,
    find_count_problems,
    find_member_problems,
)
from flmrcm.config.model_fit import (
    find_loss_problems,
    find_model_problems,
    find_training_problems,
    find_weighting_problems,
)
from flmrcm.config.policies import build_gates, find_crossing_problems
from flmrcm.config.setup import Setup
from flmrcm.config.sites import choose_participants, choose_target
from flmrcm.config.sources import build_sources
from flmrcm.config.travelling import (
    find_site_words,
    find_split_problems,
    has_remote_sites,
    remove_data_paths,
)
from flmrcm.data.augmentation import Augmentation
from flmrcm.data.site import Loading, Site
from flmrcm.errors import check_choice
from flmrcm.federation.averaging import WeightAverage
from flmrcm.federation.clients import Clients
from flmrcm.federation.early_stopping import EarlyStopping
from flmrcm.federation.memory import MemoryStore
from flmrcm.federation.participation import Tolerance
from flmrcm.federation.rounds import TrainingPlan, find_round_problems
from flmrcm.federation.workload import BUDGETS, POOLED, STEPS
from flmrcm.learning.losses import Loss
from flmrcm.learning.module import ReconModule
from flmrcm.strategies.base import Strategy

SCENARIOS = ("unseen", "participating")
LAST_EMA = "last_ema"


def check_config(cfg: DictConfig, allowed: AllowList | None = None) -> Setup:
    """Build everything a training config describes, short of reading data.

    Args:
        cfg: composed.
        allowed: what may be built where somebody else wrote the config.

    Raises:
        ConfigErrors: all problems together, each naming key, value and what is allowed.
    """
    found = Builder(allowed)
    cfg = _leave_paths_to_sites(cfg, found)
    compute, module, local = build_learner(cfg, found)
    losses = build_site_losses(cfg, found)
    sites = build_sites(cfg, found, module, losses)
    participants = found.attempt("participants", lambda: choose_participants(cfg)) or []
    target = found.attempt("target", lambda: choose_target(cfg.target, cfg))
    strategy = _build_strategy(cfg, found, target, module)
    plan = _build_plan(cfg, found, participants, target)
    found.problems += _find_word_problems(cfg)
    gates, members = build_gates(cfg, found), build_members(cfg, found)
    if strategy and module:
        found.problems += find_member_problems(members, strategy, module)
        found.problems += find_model_problems(strategy, module, cfg)
        found.problems += find_loss_problems(module, losses, participants if cfg.pooled else ())
        found.problems += find_weighting_problems(strategy, losses)
        found.problems += find_training_problems(local, sites, members)
    if plan and strategy:
        found.problems += find_round_problems(strategy, plan.rounds)
        found.problems += find_count_problems(members, plan)
        found.problems += find_crossing_problems(cfg, strategy, plan, gates)
    found.build("engine", cfg.engine, clients=Clients({}, dict), store=MemoryStore())
    found.raise_if_any()
    pool = _pool_sites(sites, participants) if cfg.pooled else None
    parts: Any = (
        _settle(cfg, participants=participants, target=target), sites, strategy, local, plan,
        compute, module, pool, gates, members, losses,
    )  # fmt: skip
    return Setup(*parts)  # whatever is missing was a problem


def _leave_paths_to_sites(cfg: DictConfig, found: Builder) -> DictConfig:
    """Return the config without words about where data lie, where these are a remote site's own."""
    if not has_remote_sites(cfg):
        return cfg
    found.problems += find_split_problems(cfg) + find_site_words(cfg)
    return remove_data_paths(cfg)


def _settle(cfg: DictConfig, **chosen: Any) -> dict[str, Any]:
    """Return the plain config with what was chosen, and with the precision that `auto` is here."""
    config = {**to_plain(cfg), **chosen}
    return {**config, "compute": {**config["compute"], "precision": find_precision(cfg.compute)}}


def _build_strategy(
    cfg: DictConfig, found: Builder, target: str | None, module: ReconModule | None
) -> Strategy | None:
    strategy = found.build("strategy", cfg.strategy, Strategy, target=target)
    if strategy and strategy.needs_target and cfg.target is None:
        found.problems.append(f"target=null: {strategy.name} aligns sites with one; name it.")
    if strategy and strategy.fine_tuning and cfg.pooled is True:
        found.problems.append(
            f"pooled=true: {strategy.name} fine-tunes at each site, and a pool isn't tested; leave "
            "it false."
        )
    if strategy and module:
        return found.attempt("strategy", lambda: strategy.suit(module.model))
    return strategy


def _build_plan(
    cfg: DictConfig, found: Builder, participants: list[str], target: str | None
) -> TrainingPlan | None:
    tolerance = found.call(Tolerance, _read_node(cfg, "robust"))
    average = found.call(WeightAverage, _read_node(cfg, "ema"))
    stopping = found.call(EarlyStopping, _read_node(cfg, "early_stopping"))
    return found.call(
        TrainingPlan,
        {key: cfg[key] for key in ("rounds", "participation", "validate_every", "seed")},
        tolerance=tolerance or Tolerance(),
        average=average or WeightAverage(),
        stopping=stopping or EarlyStopping(),
        participants=[POOLED] if cfg.pooled else participants,
        validation_sites=sorted({*participants, *([target] if target else [])}),
        selection_sites=participants,
    )


def _find_word_problems(cfg: DictConfig) -> list[str]:
    problems = check_choice("budget", cfg.budget, BUDGETS)
    if cfg.budget == STEPS and cfg.participation != 1:
        problems.append(
            f"budget={STEPS}: divides the steps of all sites among those that train, and with "
            f"participation={cfg.participation} some of these stay away; use budget=epochs, or "
            "participation=1."
        )
    problems += check_choice("scenario", cfg.scenario or "null", ("null", *SCENARIOS))
    problems += check_choice("test.checkpoint", cfg.test.checkpoint, ("last", "best", LAST_EMA))
    if cfg.test.checkpoint == LAST_EMA and not _read_node(cfg, "ema").get("ema.decay"):
        problems.append(f"test.checkpoint={LAST_EMA}: no average is kept; give ema.decay=0.9.")
    problems += [
        f"{key}={value}: true or false."
        for key, value in (
            ("pooled", cfg.pooled),
            ("accept_lost_journal", cfg.get("accept_lost_journal", False)),
        )
        if not isinstance(value, bool)
    ]
    problems += [
        f"{key}={value}: a whole number, at least 0; {null}."
        for key, value, null in (
            ("keep_every", cfg.get("keep_every"), "0 keeps the last two"),
            ("test.saved_volumes", cfg.test.get("saved_volumes", 0), "null keeps all"),
        )
        if value is not None and not (type(value) is int and value >= 0)
    ]
    if POOLED in cfg.sites:
        problems.append(f"sites.{POOLED}: this name is taken; give the site another.")
    return problems


def build_sites(
    cfg: DictConfig,
    found: Builder,
    module: ReconModule | None,
    losses: Mapping[str, Loss] | None = None,
) -> dict[str, Site]:
    """Return the sites a config describes by name, sorted; their data are not touched.

    Args:
        cfg: the run's.
        found: collects problems.
        module: says what of a batch its model and its loss read.
        losses: of sites that have one of their own.
    """
    loading = build_loading(cfg, found, module)
    sources = build_sources(cfg, found)
    if loading is None:
        return {}
    read = {name: (losses or {}).get(name, module.loss) for name in sources} if module else {}
    return {
        name: Site(name, [source], suit_loss(loading, read[name]) if name in read else loading)
        for name, source in sources.items()
    }


def suit_loss(loading: Loading, loss: Loss) -> Loading:
    """Return a loading of what a loss reads."""
    return replace(loading, needs_peak=loss.needs_peak, needs_target=loss.needs_target)


def _read_node(cfg: DictConfig, name: str) -> dict[str, Any]:
    """Return a node's values by their dotted keys; of a run from before there was one, none."""
    return {f"{name}.{key}": value for key, value in (to_plain(cfg.get(name)) or {}).items()}


def _pool_sites(sites: Mapping[str, Site], participants: Sequence[str]) -> Site:
    members = [sites[name] for name in participants]
    sources = [source for site in members for source in site.sources]
    return Site(POOLED, sources, members[0].loading)


def build_loading(cfg: DictConfig, found: Builder, module: ReconModule | None) -> Loading | None:
    """Return how slices become batches for a model, whatever the loss."""
    keys = {f"data.{key}": cfg.data[key] for key in ("resolution", "clamp_target", "cache")}
    keys |= {"local.batch_size": cfg.local.batch_size, "compute.workers": cfg.compute.workers}
    maps = build_coil_maps(cfg, found, module)
    node = to_plain(cfg.get("augmentation"))
    moved = found.build("augmentation", node, Augmentation) if node else None
    needs = {
        "needs_kspace": module is not None and module.model.needs_kspace,
        "needs_center": module is not None and needs_center(maps, module.model),
        "maps": maps,
    }
    return found.call(Loading, keys, seed=cfg.seed, augmentation=moved, **needs)
