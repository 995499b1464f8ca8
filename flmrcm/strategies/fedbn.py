"""FedBN: each site keeps its normalisation layers (Li et al., ICLR 2021)."""

from dataclasses import dataclass, replace
from typing import Self

from torch import nn

from flmrcm.errors import ConfigErrors
from flmrcm.strategies.fedavg import FedAvg

_NORMS = (
    nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm, nn.GroupNorm, nn.LayerNorm,
    nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d,
)  # fmt: skip


@dataclass(frozen=True)
class FedBN(FedAvg):
    """All but the norm layers' weights and running statistics is averaged.

    They are found in the model by the layers' classes. On a model whose norms hold nothing this
    would be federated averaging, so it is refused.

    Args:
        norms: names of the norm layers' weights and statistics, as `suit` finds them.
    """

    norms: frozenset[str] = frozenset()

    def is_shared(self, name: str) -> bool:
        """Return whether a weight travels: it is no norm layer's, and fits no private pattern."""
        return name not in self.norms and super().is_shared(name)

    def suit(self, model: nn.Module) -> Self:
        """Return the strategy with the names of what the model's norm layers hold.

        Raises:
            ConfigErrors: there is none.
        """
        found = frozenset(
            f"{place}.{name}"
            for place, layer in model.named_modules(remove_duplicate=False)
            if isinstance(layer, _NORMS)
            for name in layer.state_dict()
        )
        if not found:
            raise ConfigErrors(
                [
                    f"strategy: {self.name} keeps the weights of norm layers at their sites, and "
                    f"{type(model).__name__} has none, so it would be FL-MR; use "
                    "model.norm=instance_affine, group or batch (unet, unet_complex, varnet, modl)."
                ]
            )
        return replace(self, norms=found)
