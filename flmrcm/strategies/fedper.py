"""FedPer and LG-FedAvg: some layers are shared, the others personal."""

from collections.abc import Sequence
from dataclasses import dataclass

from flmrcm.strategies.fedavg import FedAvg

DECODER = ("*up_transpose_conv.*", "*up_conv.*")
"""The decoder of each U-Net in a model: what follows its bottleneck."""

ENCODER = ("*down_sample_layers.*",)
"""The encoder of each U-Net in a model: what precedes its bottleneck."""


@dataclass(frozen=True)
class FedPer(FedAvg):
    """Encoders are averaged, each site has its decoder (Arivazhagan et al., arXiv 1912.00818).

    Sites start their private weights from the run's initial weights. A site that never trained,
    such as an unseen target, is tested with the shared weights completed from the initial ones.

    Args:
        private: patterns of the weights that stay (algorithm 1's W_P); none is federated averaging.
    """

    private: Sequence[str] = DECODER


@dataclass(frozen=True)
class LGFedAvg(FedPer):
    """FedPer the other way round: sites keep their first layers (Liang et al., arXiv 2001.01523).

    Args:
        private: patterns of the weights that stay.
    """

    private: Sequence[str] = ENCODER
