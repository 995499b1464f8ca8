"""FedProx: a proximal term keeps sites near the global weights (Li et al., MLSys 2020)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from flmrcm.errors import require
from flmrcm.strategies.base import SITE, VOLUME, LocalRule
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.types import Learner, SiteContext


@dataclass(frozen=True)
class FedProx(FedAvg):
    """Federated averaging with μ/2·‖w − w_global‖² in every local objective (equation 2).

    Args:
        mu: the strength μ ≥ 0 of the proximal term; 0 is federated averaging.

    Raises:
        ConfigErrors: a negative μ.
    """

    per_step: ClassVar[str] = "a pull on each weight"
    private_units: ClassVar[Sequence[str]] = (VOLUME, SITE)

    mu: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        require({"strategy.mu": (self.mu >= 0, f"at least 0; got {self.mu}.")})

    def local_rule(self, site: SiteContext) -> LocalRule:
        """Return the rule that pulls weights towards the broadcast ones."""
        return ProximalTraining(self.mu, site)


class ProximalTraining(LocalRule):
    """Adds the proximal term's gradient, μ·(w − w_global) (Li et al., equation 2)."""

    def __init__(self, mu: float, site: SiteContext) -> None:
        # the gradient in closed form: no second backward pass, and no term in the logged loss
        device = next(site.module.model.parameters()).device
        self.mu = mu
        self.anchor = {k: v.to(device) for k, v in site.message.weights.items()}

    def adjust_gradients(self, module: Learner) -> None:
        """Add μ·(w − w_global) to the gradient of every shared weight."""
        for name, parameter in module.model.named_parameters():
            if parameter.grad is not None and name in self.anchor:
                parameter.grad.add_(parameter.detach() - self.anchor[name], alpha=self.mu)
