"""A site's loop: what is clipped, and when."""

from functools import partial

import pytest
import torch
from kits.factories import make_batch, make_unet

from flmrcm.federation.accumulation import StepBatches
from flmrcm.federation.local_training import LocalTraining, TrainingMetrics
from flmrcm.learning.compute import Compute
from flmrcm.learning.module import ReconModule
from flmrcm.strategies.base import LocalRule

CLIP, RATE = 1e-3, 0.5


class Push(LocalRule):
    """Adds to every gradient, as SCAFFOLD and FedProx do."""

    def adjust_gradients(self, module):
        for parameter in module.parameters():
            parameter.grad.add_(10.0)


@pytest.mark.parametrize("rule", [LocalRule(), Push()], ids=["plain", "corrected"])
def test_no_step_is_longer_than_its_clipped_gradient_whatever_a_rule_adds(rule):
    module = ReconModule(make_unet(), partial(torch.optim.SGD, lr=RATE))
    local = LocalTraining(module.make_optimizer, clip_norm=CLIP)
    before = torch.nn.utils.parameters_to_vector(module.parameters()).detach().clone()
    optimizer = local.optimizer(module.parameters())
    list(local.train(module, [make_batch()], rule, optimizer, Compute("cpu").build_fabric()))
    moved = torch.nn.utils.parameters_to_vector(module.parameters()).detach() - before
    assert float(moved.norm()) == pytest.approx(RATE * CLIP, rel=1e-2)


def test_a_step_of_no_batch_is_measured_where_its_loss_lies():
    metrics = TrainingMetrics(lambda *_: None)
    metrics.n_steps = 1  # the first is read at once, and nothing can be read of this device
    metrics.add(StepBatches([]), *torch.zeros(2, device="meta"))
    assert metrics._unread[0].device.type == "meta"
