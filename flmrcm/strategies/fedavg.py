"""FL-MR: federated averaging (McMahan et al., AISTATS 2017; Guo et al., CVPR 2021, section 3.1)."""

from collections.abc import Iterable
from dataclasses import dataclass

from flmrcm.strategies.aggregation import mean_of
from flmrcm.strategies.base import LocalRule, Strategy
from flmrcm.types import Reply, ServerState, SiteContext


@dataclass(frozen=True)
class FedAvg(Strategy):
    """Every site trains from the global weights; the server averages what comes back."""

    def aggregate(self, state: ServerState, replies: Iterable[Reply]) -> ServerState:
        """Gives the mean of the sites' weights."""
        return ServerState(mean_of(replies, self.weighting), state.extras)

    def local_rule(self, site: SiteContext) -> LocalRule:
        """Gives plain training."""
        return LocalRule()
