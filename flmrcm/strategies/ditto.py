"""Ditto: personal weights beside the global ones, held near them (Li et al., ICML 2021)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from flmrcm.errors import require
from flmrcm.strategies.base import SITE, LocalRule
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.strategies.fedprox import ProximalTraining
from flmrcm.types import SiteContext


@dataclass(frozen=True)
class Ditto(FedAvg):
    """Federated averaging, and at every site weights v that minimise F_k(v) + μ/2·‖v − w‖².

    The global weights are those of federated averaging, bit for bit. After them a site trains v on
    the round's batches once more, near the w that it was sent (algorithm 1), with an optimizer of
    its own. It is validated and tested with v; a site that never trained with the global weights.

    Args:
        mu: the paper's λ ≥ 0; at 0 every v is what its site would train alone.

    Raises:
        ConfigErrors: a negative μ.
    """

    trains_personal: ClassVar[bool] = True
    per_step: ClassVar[str] = "a second step, of the personal weights"
    private_units: ClassVar[Sequence[str]] = (SITE,)

    mu: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        require({"strategy.mu": (self.mu >= 0, f"at least 0; got {self.mu}.")})

    def personal_rule(self, site: SiteContext) -> LocalRule:
        """Return the rule that pulls the personal weights towards the broadcast ones."""
        return ProximalTraining(self.mu, site)
