"""What the clients of one process share, and how they load weights and build optimizers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lightning_fabric import Fabric
from torch import Tensor
from torch.optim import Optimizer

from flmrcm.federation.engine import OnProgress
from flmrcm.federation.local_training import LocalTraining
from flmrcm.learning.module import ReconModule
from flmrcm.learning.scoring import Evaluator
from flmrcm.strategies.base import Strategy
from flmrcm.types import Weights


@dataclass(frozen=True)
class ClientRuntime:
    """What the clients of one process share; nothing of it depends on a site.

    Attributes:
        module: the learner; each call loads the weights it needs.
        strategy: the federated algorithm.
        local: how a site trains.
        fabric: the training toolbox.
        evaluator: scores images.
        seed: the run's seed.
        on_progress: called with what a site is doing.
        initial: the run's initial values of the weights that stay at the sites.
        saved_volumes: test volumes a site keeps reconstructions of; None keeps all.
        rounds: of the run, which some schedules of the learning rate follow.
    """

    module: ReconModule
    strategy: Strategy
    local: LocalTraining
    fabric: Fabric
    evaluator: Evaluator
    seed: int
    on_progress: OnProgress
    initial: Weights = field(default_factory=dict[str, Tensor])
    saved_volumes: int | None = 0
    rounds: int = 1

    def load(self, shared: Mapping[str, Tensor], own: Weights | None = None) -> None:
        """Load weights; a site's own win over shared ones, and the initial ones complete them."""
        self.module.model.load_state_dict({**self.initial, **shared, **(own or {})})
        self.fabric.to_device(self.module)

    def copy_weights(self) -> Weights:
        """Return the loaded weights, on the CPU."""
        return {
            name: tensor.detach().to("cpu", copy=True)
            for name, tensor in self.module.model.state_dict().items()
        }

    def find_rate_factor(self, round_: int) -> float:
        """Return the factor by which the base rate is multiplied in a round, in (0, 1]."""
        return self.local.rates.find_factor(round_, self.rounds)

    def build_optimizer(self, factor: float, state: dict[str, Any] | None = None) -> Optimizer:
        """Return an optimizer of all weights; its rate is the run's base rate times a factor.

        Args:
            factor: > 0.
            state: of the optimizer to go on with, where optimizers are kept.
        """
        optimizer = self.local.optimizer(self.module.model.parameters())
        base = read_base_rate(optimizer)
        if self.local.keep_optimizer and state is not None:
            optimizer.load_state_dict(state)
        for group in optimizer.param_groups:
            group["lr"] = base * factor
        return optimizer


def read_base_rate(optimizer: Optimizer) -> float:
    """Return the rate an optimizer was built with, before any decay."""
    return float(optimizer.defaults["lr"])
