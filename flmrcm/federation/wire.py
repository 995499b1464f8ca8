"""How tensors travel: in full, or rounded to half their bytes on the way and nowhere else."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from torch import Tensor

from flmrcm.errors import ConfigErrors, FlmrcmError, check_choice
from flmrcm.types import Broadcast, Reply, Weights

KINDS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}

Message = TypeVar("Message", Broadcast, Reply)


@dataclass(frozen=True)
class Wire:
    """Rounds float32 tensors at one border and widens them at the other; others pass untouched.

    bf16 keeps 8 significant bits and float32's range, fp16 keeps 11 bits and ends at ±65504. A
    tensor that is of the wire's kind from the start arrives as float32, its values unchanged.

    Args:
        kind: fp32 | bf16 | fp16.

    Raises:
        ConfigErrors: an unknown kind.
    """

    kind: str = "fp32"

    def __post_init__(self) -> None:
        if problems := check_choice("engine.wire", self.kind, tuple(KINDS)):
            raise ConfigErrors(problems)

    def pack(self, message: Message) -> Message:
        """Gives a message as it travels.

        Raises:
            FlmrcmError: a finite value is too large for the wire.
        """
        return _map_tensors(message, self._narrow)

    def unpack(self, message: Message) -> Message:
        """Gives a message as it's computed with."""
        return _map_tensors(message, self._wide)

    def count_bytes(self, tensors: Weights) -> int:
        """Gives the bytes that tensors take on the way."""
        return sum(self.find_dtype(t).itemsize * t.numel() for t in tensors.values())

    def find_dtype(self, tensor: Tensor) -> torch.dtype:
        """Gives the type a tensor has on the way."""
        return KINDS[self.kind] if tensor.dtype == torch.float32 else tensor.dtype

    def _narrow(self, name: str, tensor: Tensor) -> Tensor:
        narrow = tensor.detach().to("cpu", self.find_dtype(tensor))
        if narrow.dtype != tensor.dtype and (narrow.isinf() & tensor.cpu().isfinite()).any():
            raise FlmrcmError(
                f"engine.wire={self.kind}: a value of '{name}' is too large for it; use fp32."
            )
        return narrow

    def _wide(self, name: str, tensor: Tensor) -> Tensor:
        return tensor.float() if tensor.dtype == KINDS[self.kind] else tensor


FULL_PRECISION = Wire()
"""Nothing is rounded."""


def _map_tensors(message: Message, change: Callable[[str, Tensor], Tensor]) -> Message:
    def each(tensors: Mapping[str, Tensor]) -> Weights:
        return {name: change(name, tensor) for name, tensor in tensors.items()}

    extras = {kind: each(tensors) for kind, tensors in message.extras.items()}
    return replace(message, weights=each(message.weights), extras=extras)
