"""A federation in Python: sites, a model and a strategy in, weights and scores out; no config.

from flmrcm import FedAvg, Federation, UNet, open_site

sites = [open_site("/data/brats"), open_site("/data/ixi")]
federation = Federation(sites, UNet(channels=16), FedAvg(), "outputs/mine", rounds=10)
federation.run()
print(federation.test().groupby(["method", "site", "metric"])["value"].mean())
"""

from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from flmrcm.config.check import LAST_EMA
from flmrcm.config.coil_maps import choose_maps
from flmrcm.config.federation import IN_PROCESS, build_engine, build_rounds, join_sites
from flmrcm.config.given_parts import check_names, prepare_sites, suit_members, suit_strategy
from flmrcm.config.setup import Setup
from flmrcm.data.augmentation import Augmentation
from flmrcm.data.coil_maps import FROM_MODEL, CoilMaps
from flmrcm.data.site import Loading, Site
from flmrcm.data.source import Source
from flmrcm.errors import ConfigErrors, FlmrcmError, check_choice
from flmrcm.federation.averaging import WeightAverage
from flmrcm.federation.checkpoint import read_checkpoint
from flmrcm.federation.early_stopping import EarlyStopping
from flmrcm.federation.local_training import LocalTraining
from flmrcm.federation.middleware import Middleware
from flmrcm.federation.rounds import TrainingPlan
from flmrcm.files import expand_home, hold_lock
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
from flmrcm.run_files import LOCK
from flmrcm.runs.testing import score_sites
from flmrcm.strategies.base import Strategy
from flmrcm.types import ServerState


def open_site(
    root: Path | str,
    name: str | None = None,
    mask: Mask | None = None,
    contrast: str = "T1",
    batch_size: int = 16,
    augmentation: Augmentation | None = None,
    **source: Any,
) -> Site:
    """Return the site whose volumes lie in a folder, `root/contrast/{train,val,test}/*.h5`.

    Args:
        root: the folder.
        name: unique in the federation; the folder's own name when None.
        mask: what undersamples its slices; `Random()` at acceleration 4 when None.
        contrast: the folder below the root.
        batch_size: slices per training step.
        augmentation: moves training slices, as `Augmentation(degrees=5)`; None leaves them.
        source: what else `data.source.Source` takes, such as `slices` or `coils`.
    """
    folder = expand_home(root)
    name = name or folder.name
    own = Source(name, folder, contrast, mask or Random(), **source)
    return Site(name, [own], Loading(batch_size=batch_size, augmentation=augmentation))


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
        average: keeps a running average of the global weights, as `WeightAverage(0.9)`, which is
            tested as `last_ema`; none when None.
        stopping: ends the run where it no longer gets better, as `EarlyStopping(patience=5)`; None
            runs every round.

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
        average: WeightAverage | None = None,
        stopping: EarlyStopping | None = None,
    ) -> None:
        self.folder = expand_home(folder)
        local, middleware = local or LocalTraining(_RMSPROP), middleware or {}
        losses, run_loss = (loss, None) if isinstance(loss, Mapping) else ({}, loss)
        module = ReconModule(model, local.optimizer, run_loss, metrics)
        strategy = suit_strategy(strategy, sites, module, losses, maps, rounds, middleware)
        prepare_sites(sites, local, module, losses, choose_maps(maps, model), middleware, seed)
        plan = _plan(strategy, sites, participants, rounds, seed, validate_every, average, stopping)
        self.setup = Setup(
            _CONFIG,
            {site.name: site for site in sorted(sites, key=lambda s: s.name)},
            strategy,
            local,
            plan,
            compute or Compute(),
            module,
            middleware={**_MEMBERS, **suit_members(middleware, plan)},
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
            FlmrcmError: another process is writing in the folder.
        """
        refusal = FlmrcmError(
            f"{self.folder}: another process is writing here; take another folder."
        )
        with hold_lock(self.folder / LOCK, refusal):
            return self._rounds.run(self._initial)

    def test(self, checkpoint: str = "last") -> pd.DataFrame:
        """Return the scores of every site's test volumes, and write them to `scores.csv`.

        Args:
            checkpoint: last | best | last_ema: the average, where one is kept.

        Returns:
            a row for each method, site, volume, metric and convention.

        Raises:
            ConfigErrors: another word, or no average is kept.
            CheckpointError: no round has ended yet.
        """
        _check_tested(checkpoint, self.setup.plan)
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


def _plan(
    strategy: Strategy,
    sites: Sequence[Site],
    participants: Sequence[str] | None,
    rounds: int,
    seed: int,
    validate_every: int,
    average: WeightAverage | None,
    stopping: EarlyStopping | None,
) -> TrainingPlan:
    """Return the rounds; where these may end early, every participant has to validate."""
    check_names(sites, participants, strategy.target)
    names = sorted({*(participants or [site.name for site in sites])})
    return TrainingPlan(
        rounds,
        names,
        sorted({*names, *([strategy.target] if strategy.target else [])}),
        validate_every=validate_every,
        seed=seed,
        selection_sites=names if stopping else (),
        average=average or WeightAverage(),
        stopping=stopping or EarlyStopping(),
    )


def _check_tested(checkpoint: str, plan: TrainingPlan) -> None:
    problems = check_choice("checkpoint", checkpoint, ("last", "best", LAST_EMA))
    if checkpoint == LAST_EMA and plan.average.decay is None:
        problems = [f"checkpoint={LAST_EMA}: no average is kept; give average=WeightAverage(0.9)."]
    if problems:
        raise ConfigErrors(problems)


_RMSPROP = partial(torch.optim.RMSprop, lr=1e-4)

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
