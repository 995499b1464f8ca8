"""The objects that a training config describes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flmrcm.data.site import Site
from flmrcm.federation.local_training import LocalTraining
from flmrcm.federation.middleware import Middleware
from flmrcm.federation.rounds import TrainingPlan
from flmrcm.federation.workload import POOLED
from flmrcm.learning.compute import Compute
from flmrcm.learning.losses import Loss
from flmrcm.learning.module import ReconModule
from flmrcm.middleware.policy import PolicyGate
from flmrcm.strategies.base import Strategy


@dataclass(frozen=True)
class Setup:
    """The objects that a training config describes, built and checked; no data have been read.

    Attributes:
        config: resolved, plain.
        sites: by name, sorted.
        strategy: the federated algorithm.
        local: how sites train in a round.
        plan: the rounds.
        compute: device and arithmetic.
        module: the network and its training step, with the run's initial weights.
        pooled: a site that holds the data of all participants; None unless they are pooled.
        gates: of sites with a policy of their own, by name; a site without one allows everything.
        middleware: members of the chain, by name.
        losses: of sites that have one of their own, by name; the others minimise the module's.
    """

    config: Mapping[str, Any]
    sites: Mapping[str, Site]
    strategy: Strategy
    local: LocalTraining
    plan: TrainingPlan
    compute: Compute
    module: ReconModule
    pooled: Site | None = None
    gates: Mapping[str, PolicyGate] = field(default_factory=dict[str, PolicyGate])
    middleware: Mapping[str, Middleware] = field(default_factory=dict[str, Middleware])
    losses: Mapping[str, Loss] = field(default_factory=dict[str, Loss])

    @property
    def clients(self) -> dict[str, Site]:
        """The sites that may be called, a pool too; only `sites` are tested at the end."""
        return {**self.sites, **({POOLED: self.pooled} if self.pooled else {})}

    @property
    def aligned_with(self) -> str | None:
        """The target's name where the strategy aligns sites with it, else None."""
        return self.strategy.target if self.strategy.needs_target else None

    def list_private(self) -> list[str]:
        """Return the names of the weights that stay at the sites."""
        return [k for k in self.module.model.state_dict() if not self.strategy.is_shared(k)]

    def list_needed_splits(self, site: str) -> list[str]:
        """Return the splits that a site must have for training.

        Scans with masks of their own may have no targets, and nothing to validate.
        """
        trains = site in self.plan.participants or site == self.aligned_with
        validates = site in self.plan.selection_sites and not self.clients[site].reads_masks
        return ["train"] * trains + ["val"] * validates
