"""The search of update inversion: images whose gradient points where a site's update points.

Two changes to Geiping et al. (NeurIPS 2020) suit reconstruction networks. The gradient of any loss
of the output is Jᵀv, v being the loss's slope at the output, so v is sought beside the images, and
no target is. And the cosine is taken layer by layer: layers before a norm without weights have
gradients of other lengths.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from flmrcm.attacks.attacked_run import AttackedRun, measure_variation
from flmrcm.types import Batch, Weights

_LEAST_RATE = 0.05  # of the first rate, in the last iteration


class Found(NamedTuple):
    """Images, and how far the gradient they make is from the update: 0 is its direction."""

    images: Tensor
    distance: float


class GradientSearch:
    """Images and output slopes, changed by Adam until their update points where a site's does.

    Args:
        run: whose network it is, holding the weights that the update began with.
        update: new − old weights, by name.
        start: images and targets to begin with; the slopes begin with the errors of these.
        rate: Adam's first learning rate.
        iterations: there will be; the rate falls until then.
        variation: weight of the images' total variation.
    """

    def __init__(
        self,
        run: AttackedRun,
        update: Weights,
        start: Batch,
        rate: float,
        iterations: int,
        variation: float,
    ) -> None:
        self.model, self.start, self.variation = run.module.model, start, variation
        named = [(n, p) for n, p in self.model.named_parameters() if n in update]
        self.parameters = [parameter for _, parameter in named]
        # training goes against the gradient
        self.goal = [-update[name].to(parameter.device) for name, parameter in named]
        self.model.train()
        self.images = start.image.clone().requires_grad_()
        with torch.no_grad():
            error = self.model(start).image - start.get_target()
        self.slope = (error / error.std().clamp(min=1e-6)).requires_grad_()
        self.optimizer = torch.optim.Adam([self.images, self.slope], rate)
        least = _LEAST_RATE * rate
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(
            self.optimizer, iterations, least
        )

    def step(self) -> None:
        """Take one step of Adam."""
        loss = self.measure() + self.variation * measure_variation(self.images)
        self.optimizer.zero_grad()
        self.images.grad, self.slope.grad = torch.autograd.grad(loss, [self.images, self.slope])
        self.optimizer.step()
        self.schedule.step()

    def measure(self) -> Tensor:
        """Return the mean over layers of 1 − cosine, in [0, 2]."""
        out = self.model(self.start._replace(image=self.images, target=None)).image
        made = torch.autograd.grad((out * self.slope).sum(), self.parameters, create_graph=True)
        pairs = zip(made, self.goal, strict=True)
        cosines = [F.cosine_similarity(a.flatten(), b.flatten(), 0) for a, b in pairs]
        return 1 - torch.stack(cosines).mean()

    def read(self) -> Found:
        """Return what has been found so far."""
        return Found(self.images.detach(), float(self.measure().detach()))
