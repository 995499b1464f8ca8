"""A federation in Python: sites, a model and a strategy in, weights and scores out; no config.

from flmrcm import FedAvg, Federation, UNet, open_site

sites = [open_site("/data/brats"), open_site("/data/ixi")]
federation = Federation(sites, UNet(channels=16), FedAvg(), "outputs/mine", rounds=10)
federation.run()
print(federation.test().groupby(["method", "site", "metric"])["value"].mean())
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from omegaconf import DictConfig

from flmrcm.config.check import suit_loss
from flmrcm.config.coil_maps import choose_maps, find_maps_problems, needs_center
from flmrcm.config.federation import IN_PROCESS, build_engine, build_rounds, join_sites
from flmrcm.config.middleware import find_count_problems, find_member_problems
from flmrcm.config.model_fit import (
    find_loss_problems,
    find_model_problems,
    find_weighting_problems,
)
from flmrcm.config.setup import Setup
from flmrcm.data.coil_maps import FROM_MODEL, CoilMaps
from flmrcm.data.site import Loading, Site
from flmrcm.data.source import Source
from flmrcm.errors import ConfigErrors
from flmrcm.federation.checkpoint import read_checkpoint
from flmrcm.federation.local_training import LocalTraining
from flmrcm.federation.middleware import Middleware
from flmrcm.federation.rounds import TrainingPlan, find_round_problems
from flmrcm.files import expand_home
from flmrcm.learning.compute import Compute
from flmrcm.learning.losses import Loss
from flmrcm.learning.metrics import DEFAULT_METRICS, Metric
from flmrcm.learning.module import ReconModule
from flmrcm.learning.records import SCORE_COLUMNS
from flmrcm.middleware.ledger import Ledger
from flmrcm.middleware.reply_validation import ReplyValidation
from flmrcm.middleware.wire import Wire
from flmrcm.models.reconstructor import Reconstructor
from flmrcm.mri.masks import Mask, Random
from flmrcm.runs.testing import score_sites
from flmrcm.strategies.base import Strategy
from flmrcm.types import ServerState


def open_site(
    root: Path | str,
    name: str | None = None,
    mask: Mask | None = None,
    contrast: str = "T1",
    batch_size: int = 16,
    **source: Any,
) -> Site:
    """Return the site whose volumes lie in a folder, `root/contrast/{train,val,test}/*.h5`.

    Args:
        root: the folder.
        name: unique in the federation; the folder's own name when None.
        mask: what undersamples its slices; `Random()` at acceleration 4 when None.
        contrast: the folder below the root.
        batch_size: slices per training step.
        source: what else `data.source.Source` takes, such as `slices` or `coils`.
    """
    folder = expand_home(root)
    name = name or folder.name
    own = Source(name, folder, contrast, mask or Random(), **source)
    return Site(name, [own], Loading(batch_size=batch_size))


class Federation:
    """Sites that train one network together, in this process.

    A folder that holds a begun run is resumed: `run` goes on after its last whole round.

    Args:
        sites: the institutions; their `train` splits are trained on where they take part.
        model: the network with its initial weights; trained in place.
        strategy: the federated algorithm, its target named by `strategy.target`.
        folder: where checkpoints, journal, ledgers and scores go.
        rounds: in all.
        participants: names of the sites that train; all when None.
        local: how a site trains in a round; RMSprop at 1e-4, two epochs when None.
        loss: what training minimises; L1 when None. Or that of some sites, by name, beside L1.
        maps: where coil maps come from, as `data.espirit_maps.Espirit()`.
        metrics: what images are scored by, by name; `psnr` has to be among them.
        middleware: members of the chain beside the ledger, by name.
        compute: device and precision.
        seed: of the draw of participants, and of all randomness at the sites.
        validate_every: rounds between validations.

    Raises:
        ConfigErrors: a value outside its range.
    """

    def __init__(
        self,
        sites: Sequence[Site],
        model: Reconstructor,
        strategy: Strategy,
        folder: Path | str,
        *,
        rounds: int = 50,
        participants: Sequence[str] | None = None,
        local: LocalTraining | None = None,
        loss: Loss | Mapping[str, Loss] | None = None,
        maps: CoilMaps = FROM_MODEL,
        metrics: Mapping[str, Metric] = DEFAULT_METRICS,
        middleware: Mapping[str, Middleware] | None = None,
        compute: Compute | None = None,
        seed: int = 1,
        validate_every: int = 1,
    ) -> None:
        self.folder = expand_home(folder)
        local = local or LocalTraining(partial(torch.optim.RMSprop, lr=1e-4))
        losses, run_loss = (loss, None) if isinstance(loss, Mapping) else ({}, loss)
        module = ReconModule(model, local.optimizer, run_loss, metrics)
        strategy = _suit_strategy(strategy, sites, module, losses, maps, rounds, middleware or {})
        _prepare_loading(sites, module, losses, choose_maps(maps, model), seed)
        names: list[str] = sorted(participants or [site.name for site in sites])
        shown: list[str] = sorted({*names, *([strategy.target] if strategy.target else [])})
        plan = TrainingPlan(rounds, names, shown, validate_every=validate_every, seed=seed)
        self.setup = Setup(
            _CONFIG,
            {site.name: site for site in sorted(sites, key=lambda site: site.name)},
            strategy,
            local,
            plan,
            compute or Compute(),
            module,
            middleware={**_MEMBERS, **_suit_members(middleware or {}, plan)},
            losses=losses,
        )
        self._initial = {k: v.clone() for k, v in model.state_dict().items()}
        self._engine = build_engine(self.setup, self.folder, lambda _: None)

    @cached_property
    def _facts(self) -> dict[str, Any]:
        return join_sites(self.setup, self._engine, Ledger())

    def run(self) -> ServerState:
        """Run the rounds that are still missing; return the server's state after the last.

        Raises:
            DataLayoutError: a site's data are not as the contract asks.
            SiteFailed: a site failed; every whole round before is kept.
        """
        return self._rounds.run(self._initial)

    def test(self, checkpoint: str = "last") -> pd.DataFrame:
        """Return the scores of every site's test volumes, and write them to `scores.csv`.

        Args:
            checkpoint: last | best.

        Returns:
            a row for each method, site, volume, metric and convention.
        """
        kept = read_checkpoint(self.folder / "checkpoints" / f"{checkpoint}.pt")
        scored = score_sites(self.setup, self._rounds, self._facts, kept, self.folder)
        rows = [
            (method, site, s.volume, s.metric, s.convention, s.value, s.slices, weights)
            for method, site, scores, weights in scored
            for s in scores
        ]
        return pd.DataFrame(rows, columns=list(SCORE_COLUMNS))

    @cached_property
    def _rounds(self) -> Any:
        return build_rounds(self.setup, self._engine, self._facts, self.folder, ())


def _suit_strategy(
    strategy: Strategy,
    sites: Sequence[Site],
    module: ReconModule,
    losses: Mapping[str, Loss],
    maps: CoilMaps,
    rounds: int,
    middleware: Mapping[str, Middleware],
) -> Strategy:
    """Return the strategy for the model, once all parts are seen to go together."""
    strategy = strategy.suit(module.model)
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


def _suit_members(
    middleware: Mapping[str, Middleware], plan: TrainingPlan
) -> Mapping[str, Middleware]:
    """Return the middleware, once it is seen to suit the number of sites."""
    if problems := find_count_problems(middleware, plan):
        raise ConfigErrors(problems)
    return middleware


def _prepare_loading(
    sites: Sequence[Site],
    module: ReconModule,
    losses: Mapping[str, Loss],
    maps: CoilMaps,
    seed: int,
) -> None:
    """Have sites load what model and loss read, in the order that the seed gives."""
    for site in sites:
        loading = suit_loss(site.loading, losses.get(site.name, module.loss))
        site.loading = replace(
            loading,
            seed=seed,
            needs_kspace=module.model.needs_kspace,
            needs_center=needs_center(maps, module.model),
            maps=maps,
        )


_MEMBERS: Mapping[str, Middleware] = {"wire": Wire(), "reply_validation": ReplyValidation()}
"""Members of the chain that every federation has."""

_CONFIG: Mapping[str, Any] = {
    "engine": {"_target_": IN_PROCESS},
    "test": {"saved_volumes": 0},
    "data": {"cache": "off"},
    "budget": "epochs",
    "keep_every": 0,
}
"""What the config would say of things that a federation in Python does not choose."""
