"""One round of training at a site: from which batches, and in which loop."""

from collections.abc import Iterator
from dataclasses import dataclass

from lightning_fabric import Fabric
from torch.optim import Optimizer

from flmrcm.federation.batches import SiteBatches
from flmrcm.federation.local_training import LocalTraining, TrainedStep
from flmrcm.federation.workload import CallWork
from flmrcm.learning.module import ReconModule
from flmrcm.strategies.base import LocalRule


@dataclass(frozen=True)
class TrainingRound:
    """The plan of a round; a member of the middleware may put another one in its place.

    Attributes:
        batches: the site's, in this round.
        work: what they amount to; the site's policy is asked about it before training begins.
        local: how a site trains.
        fabric: the training toolbox.
    """

    batches: SiteBatches
    work: CallWork
    local: LocalTraining
    fabric: Fabric

    def train(
        self, module: ReconModule, rule: LocalRule, optimizer: Optimizer
    ) -> Iterator[TrainedStep]:
        """Train the module in place; yield what is known of each step."""
        return self.local.train(module, self.batches.train(), rule, optimizer, self.fabric)
