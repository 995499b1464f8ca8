"""What a training config describes, as objects."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flmrcm.data.site import Site
from flmrcm.federation.local_training import LocalTraining
from flmrcm.federation.middleware import Middleware
from flmrcm.federation.rounds import TrainingPlan
from flmrcm.federation.workload import POOLED
from flmrcm.learning.compute import Compute
from flmrcm.learning.module import ReconModule
from flmrcm.middleware.policy import SitePolicy
from flmrcm.strategies.base import Strategy


@dataclass(frozen=True)
class Setup:
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
        middleware: members of the chain, by name.
    """

    config: Mapping[str, Any]
    sites: Mapping[str, Site]
    strategy: Strategy
    local: LocalTraining
    plan: TrainingPlan
    compute: Compute
    module: ReconModule
    pooled: Site | None = None
    policies: Mapping[str, SitePolicy] = field(default_factory=dict[str, SitePolicy])
    middleware: Mapping[str, Middleware] = field(default_factory=dict[str, Middleware])

    @property
    def clients(self) -> dict[str, Site]:
        """The sites that may be called, a pool too; only `sites` are judged at the end."""
        return {**self.sites, **({POOLED: self.pooled} if self.pooled else {})}

    @property
    def aligned_with(self) -> str | None:
        """The target where the strategy aligns sites with it."""
        return self.strategy.target if self.strategy.needs_target else None

    def list_needed_splits(self, site: str) -> list[str]:
        """Gives the splits of a site that training can't do without."""
        trains = site in self.plan.participants or site == self.aligned_with
        return ["train"] * trains + ["val"] * (site in self.plan.selection_sites)
