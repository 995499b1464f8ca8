"""FL-MR: federated averaging (McMahan et al., AISTATS 2017; Guo et al., CVPR 2021, section 3.1)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from flmrcm.errors import ConfigErrors, check_choice, require
from flmrcm.strategies.aggregation import average_replies
from flmrcm.strategies.base import SITE, VOLUME, LocalRule, Strategy
from flmrcm.strategies.robust import AGGREGATIONS, combine_robustly, count_needed_replies
from flmrcm.types import Reply, ServerState, SiteContext

MEAN = "mean"


@dataclass(frozen=True)
class FedAvg(Strategy):
    """Every site trains from the global weights; the server averages the results.

    Args:
        aggregation: `mean`, or a rule that tolerates arbitrary replies: `median`, `trimmed_mean`,
            `krum` (see `strategies.robust`).
        faulty: the most arbitrary replies that such a rule has to tolerate.

    Raises:
        ConfigErrors: an unknown rule, or a weighting that the rule cannot apply.
    """

    private_units: ClassVar[Sequence[str]] = (VOLUME, SITE)

    aggregation: str = MEAN
    faulty: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if problems := check_choice("strategy.aggregation", self.aggregation, AGGREGATIONS):
            raise ConfigErrors(problems)
        weighs = self.aggregation != MEAN and self.weighting != "uniform"
        require(
            {
                "strategy.faulty": (self.faulty >= 0, f"at least 0; got {self.faulty}."),
                "strategy.weighting": (not weighs, f"{self.aggregation} counts sites alike."),
            }
        )

    @property
    def needs_all_replies(self) -> bool:
        """Whether `aggregate` must see all replies at once: every rule but the mean."""
        return self.aggregation != MEAN

    @property
    def reads_mean(self) -> bool:
        """Whether `aggregate` reads no more than the mean of replies' weights."""
        return not self.needs_all_replies

    @property
    def fewest_replies(self) -> int:
        """The fewest training replies that the rule can work with."""
        return count_needed_replies(self.aggregation, self.faulty)

    def aggregate(self, state: ServerState, replies: Iterable[Reply]) -> ServerState:
        """Return the state with the mean of the sites' weights, or the robust rule's result."""
        if self.needs_all_replies:
            weights = combine_robustly(list(replies), self.aggregation, self.faulty)
        else:
            weights = average_replies(replies, self.weighting, self.fairness)
        return ServerState(weights, state.extras)

    def local_rule(self, site: SiteContext) -> LocalRule:
        """Return the rule of plain training."""
        return LocalRule()
