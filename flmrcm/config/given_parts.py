"""Parts that are given in Python, not in a config, seen to go together before any data is read."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from omegaconf import DictConfig

from flmrcm.config.check import suit_loss
from flmrcm.config.coil_maps import find_maps_problems, needs_center
from flmrcm.config.middleware import find_count_problems, find_member_problems
from flmrcm.config.model_fit import (
    find_loss_problems,
    find_model_problems,
    find_training_problems,
    find_weighting_problems,
)
from flmrcm.data.coil_maps import CoilMaps
from flmrcm.data.site import Site
from flmrcm.errors import ConfigErrors
from flmrcm.federation.local_training import LocalTraining
from flmrcm.federation.middleware import Middleware
from flmrcm.federation.rounds import TrainingPlan, find_round_problems
from flmrcm.learning.losses import Loss
from flmrcm.learning.module import ReconModule
from flmrcm.strategies.base import Strategy


def check_names(
    sites: Sequence[Site], participants: Sequence[str] | None, target: str | None
) -> None:
    """Refuse sites that share a name, and names that are none of theirs.

    Raises:
        ConfigErrors: all problems together.
    """
    names = [site.name for site in sites]
    problems = [
        f"sites: {names.count(name)} are called {name}; give each another, open_site(…, name=…)."
        for name in sorted(set(names))
        if names.count(name) > 1
    ]
    asked = {"participants": participants or [], "strategy.target": [target] if target else []}
    problems += [
        f"{key}: {name} is none of the sites ({', '.join(names)})."
        for key, given in asked.items()
        for name in sorted({*given} - {*names})
    ]
    if participants is not None and not participants:
        problems.append("participants=[]: name at least one, or leave it out for all.")
    if problems:
        raise ConfigErrors(problems)


def suit_strategy(
    strategy: Strategy,
    sites: Sequence[Site],
    module: ReconModule,
    losses: Mapping[str, Loss],
    maps: CoilMaps,
    rounds: int,
    middleware: Mapping[str, Middleware],
) -> Strategy:
    """Return the strategy for the model, once all parts are seen to go together.

    One without a name is called by its class in results.

    Raises:
        ConfigErrors: all problems together.
    """
    named = replace(strategy, name=strategy.name or type(strategy).__name__)
    strategy = named.suit(module.model)
    problems = find_model_problems(strategy, module, DictConfig({}))
    problems += find_round_problems(strategy, rounds)
    problems += find_member_problems(middleware, strategy, module)
    problems += find_maps_problems(maps, module.model)
    problems += find_loss_problems(module, losses) + find_weighting_problems(strategy, losses)
    strangers = sorted(losses.keys() - {site.name for site in sites})
    problems += [f"loss: {name} is none of the sites." for name in strangers]
    if problems:
        raise ConfigErrors(problems)
    return strategy


def suit_members(
    middleware: Mapping[str, Middleware], plan: TrainingPlan
) -> Mapping[str, Middleware]:
    """Return the middleware, once it is seen to suit the number of sites.

    Raises:
        ConfigErrors: all problems together.
    """
    if problems := find_count_problems(middleware, plan):
        raise ConfigErrors(problems)
    return middleware


def prepare_sites(
    sites: Sequence[Site],
    local: LocalTraining,
    module: ReconModule,
    losses: Mapping[str, Loss],
    maps: CoilMaps,
    middleware: Mapping[str, Middleware],
    seed: int,
) -> None:
    """Have sites load what model and loss read, in the order that the seed gives.

    Raises:
        ConfigErrors: they can't train as they are asked to.
    """
    for site in sites:
        loading = suit_loss(site.loading, losses.get(site.name, module.loss))
        site.loading = replace(
            loading,
            seed=seed,
            needs_kspace=module.model.needs_kspace,
            needs_center=needs_center(maps, module.model),
            maps=maps,
        )
    named = {site.name: site for site in sites}
    if problems := find_training_problems(local, named, middleware):
        raise ConfigErrors(problems)
