"""What a scheme of compression has to say: how changes travel, and how they are read."""

from abc import ABC, abstractmethod

import torch

from flmrcm.middleware.compression.packing import PayloadError, Shapes, unpack
from flmrcm.types import Weights


class Scheme(ABC):
    """Makes fewer bytes of changes; it holds no history."""

    @property
    @abstractmethod
    def feeds_back(self) -> bool:
        """Whether what a site's rounding leaves out is added to its next differences."""

    @abstractmethod
    def shrink(self, changes: Weights, seed: int) -> Weights:
        """Return what travels for changes.

        Args:
            changes: float32, finite, at least one; on the CPU.
            seed: of draws.
        """

    @abstractmethod
    def restore(self, payload: Weights, shapes: Shapes) -> Weights:
        """Return the changes as both ends know them, the same bits on every machine.

        Args:
            payload: as it arrived; nobody has looked at it.
            shapes: of the changes.

        Raises:
            PayloadError: nothing that `shrink` returns for changes of these shapes.
        """

    def decode(self, packed: Weights, reference: Weights) -> Weights:
        """Return the tensors whose differences from a reference arrived.

        Raises:
            PayloadError: another form than theirs, or a value that isn't finite.
        """
        payload, others, shapes = unpack(packed, reference)
        changes = self.restore(payload, shapes)
        moved = {name: reference[name] + change for name, change in changes.items()}
        if not all(bool(torch.isfinite(tensor).all()) for tensor in moved.values()):
            raise PayloadError("a value isn't finite")
        return others | moved
