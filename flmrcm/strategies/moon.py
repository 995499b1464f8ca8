"""MOON: a site's features stay near the global model's (Li et al., CVPR 2021)."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import ClassVar, Protocol, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from flmrcm.errors import require
from flmrcm.strategies.base import SITE, LocalRule
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.types import Batch, Learner, SiteContext, Step, Weights

PREVIOUS = "previous"


@dataclass(frozen=True)
class Moon(FedAvg):
    """Federated averaging with a contrastive term in every local objective (equation 3).

    Of the latents z of a batch under the trained, the broadcast and the site's own previous
    weights, it adds −μ·log(e^{s(z, z_glob)/τ} / (e^{s(z, z_glob)/τ} + e^{s(z, z_prev)/τ})) with s
    the cosine. In its first round a site has no previous model, and trains plainly, as in the
    authors' code. The latent takes the place of the paper's projection head.

    Args:
        mu: μ ≥ 0; 0 is federated averaging.
        temperature: τ > 0.

    Raises:
        ConfigErrors: a value outside its range.
    """

    needs_latents: ClassVar[bool] = True
    per_step: ClassVar[str] = "two more encoder passes, no gradient"
    private_units: ClassVar[Sequence[str]] = (SITE,)

    mu: float = 1.0
    temperature: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        tau = self.temperature
        require(
            {
                "strategy.mu": (self.mu >= 0, f"at least 0; got {self.mu}."),
                "strategy.temperature": (tau > 0, f"above 0; got {tau}."),
            }
        )

    def local_rule(self, site: SiteContext) -> LocalRule:
        """Return the rule that contrasts latents with those of two older models."""
        return Contrast(self.mu, self.temperature, site)


class Contrast(LocalRule):
    """Adds the contrastive term, and keeps the site's weights for its next round."""

    def __init__(self, mu: float, temperature: float, site: SiteContext) -> None:
        self.mu, self.temperature, self.memory = mu, temperature, site.memory
        self.older: list[_Encoder] = []
        if previous := site.memory.tensors.get(PREVIOUS):
            # the module holds the broadcast weights, and the site's private ones where it has some
            self.older = [_freeze(site.module), _freeze(site.module, previous)]

    def penalty(self, step: Step, batch: Batch) -> Tensor | float:
        """Return μ times the contrastive term, a scalar, mean over the batch."""
        if not self.older:
            return 0.0
        latent = step["latent"].float()  # pyright: ignore[reportTypedDictNotRequiredAccess]
        with torch.no_grad():
            others = [model.encode(batch).float() for model in self.older]
        cosines = torch.stack([F.cosine_similarity(latent, other) for other in others], 1)
        the_global = torch.zeros(len(latent), dtype=torch.long, device=latent.device)
        return self.mu * F.cross_entropy(cosines / self.temperature, the_global)

    def finish(self, module: Learner) -> Mapping[str, Weights]:
        """Write the trained weights to the memory; the reply carries no more."""
        self.memory.tensors[PREVIOUS] = {
            name: tensor.detach().to("cpu", copy=True)
            for name, tensor in module.model.state_dict().items()
        }
        return {}


class _Encoder(Protocol):
    def encode(self, batch: Batch) -> Tensor: ...


def _freeze(module: Learner, weights: Weights | None = None) -> _Encoder:
    """Return a copy of a learner's network that is not trained, with weights of its own."""
    model = deepcopy(module.model).requires_grad_(False)
    if weights is not None:
        model.load_state_dict(weights)
    # in training mode as the trained one is: equal weights then give equal latents
    return cast(_Encoder, model.train())
