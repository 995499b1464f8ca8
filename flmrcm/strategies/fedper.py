"""FedPer: shared base layers, personal last layers (Arivazhagan et al., arXiv 1912.00818)."""

from collections.abc import Sequence
from dataclasses import dataclass

from flmrcm.strategies.fedavg import FedAvg

DECODER = ("*up_transpose_conv.*", "*up_conv.*")
"""The decoder of each U-Net in a model: what follows its bottleneck."""


@dataclass(frozen=True)
class FedPer(FedAvg):
    """Federated averaging of the encoder; every site has a decoder of its own.

    Sites start their private weights from the run's initial weights. A site that never trained,
    such as an unseen target, is tested with the shared weights completed from the initial ones.

    Args:
        private: patterns of the weights that stay (algorithm 1's W_P); none is federated averaging.
    """

    private: Sequence[str] = DECODER
