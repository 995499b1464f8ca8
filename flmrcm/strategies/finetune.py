"""FL-MR, then a few local steps at each site (Yu et al., arXiv 2002.04758)."""

from dataclasses import dataclass
from typing import ClassVar

from flmrcm.errors import require
from flmrcm.strategies.base import FineTuning
from flmrcm.strategies.fedavg import FedAvg


@dataclass(frozen=True)
class FineTune(FedAvg):
    """Federated averaging; after its last round every participant trains on for itself alone.

    The global weights are those of federated averaging, bit for bit: fine-tuned ones stay at their
    site, which is tested with them. A site that did not take part is tested with the global ones.
    Without a round, `rounds: 0`, sites fine-tune the weights that the run begins with.

    Args:
        steps: optimizer steps of each site, at least 0; 0 is federated averaging.
        rate: of a new optimizer, times the run's base learning rate, > 0.

    Raises:
        ConfigErrors: a value outside its range.
    """

    trains_personal: ClassVar[bool] = True
    per_step: ClassVar[str] = "nothing; `steps` more after the last round"

    steps: int = 20
    rate: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            {
                "strategy.steps": (self.steps >= 0, f"at least 0; got {self.steps}."),
                "strategy.rate": (self.rate > 0, f"above 0; got {self.rate}."),
            }
        )

    @property
    def fine_tuning(self) -> FineTuning | None:
        """What participants train for themselves after the last round."""
        return FineTuning(self.steps, self.rate) if self.steps else None
