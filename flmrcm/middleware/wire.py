"""The number type on the wire: float32 tensors travel as they are, or rounded to 16 bits."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, TypeVar

import torch
from torch import Tensor

from flmrcm.errors import ConfigErrors, FlmrcmError, check_choice
from flmrcm.federation.engine import Operation
from flmrcm.federation.middleware import (
    Middleware,
    ServerHalf,
    ServerSide,
    SiteHalf,
    SiteSide,
    Stage,
)
from flmrcm.types import Broadcast, Memory, Reply, Weights

KINDS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}

Message = TypeVar("Message", Broadcast, Reply)


@dataclass(frozen=True)
class Wire(Middleware):
    """Rounds float32 tensors before they travel and converts them back where they arrive.

    bf16 keeps 8 significant bits and float32's range, fp16 keeps 11 bits and ends at ±65504. A
    tensor that is of the wire's type from the start arrives as float32, its values unchanged; all
    other tensors stay as they are.

    Args:
        kind: fp32 | bf16 | fp16.

    Raises:
        ConfigErrors: an unknown kind.
    """

    stage: ClassVar[Stage] = Stage.WIRE

    kind: str = "fp32"

    def __post_init__(self) -> None:
        if problems := check_choice("middleware.wire.kind", self.kind, tuple(KINDS)):
            raise ConfigErrors(problems)

    def build_site_half(self, side: SiteSide) -> SiteHalf:
        """Return the half that converts messages back and rounds replies."""
        return _SiteWire(self)

    def build_server_half(self, side: ServerSide) -> ServerHalf:
        """Return the half that rounds messages and converts replies back."""
        return _ServerWire(self)

    def pack(self, message: Message) -> Message:
        """Return a message as it travels, its tensors on the CPU.

        Raises:
            FlmrcmError: a finite value is too large for the wire.
        """
        return _map_tensors(message, self._narrow)

    def unpack(self, message: Message) -> Message:
        """Return a message with its tensors as computations use them."""
        return _map_tensors(message, self._widen)

    def _narrow(self, name: str, tensor: Tensor) -> Tensor:
        dtype = KINDS[self.kind] if tensor.dtype == torch.float32 else tensor.dtype
        narrow = tensor.detach().to("cpu", dtype)
        # a finite value that becomes infinite would spoil every average it enters
        if narrow.dtype != tensor.dtype and (narrow.isinf() & tensor.cpu().isfinite()).any():
            raise FlmrcmError(
                f"middleware.wire.kind={self.kind}: a value of '{name}' is too large for it; "
                "use fp32."
            )
        return narrow

    def _widen(self, name: str, tensor: Tensor) -> Tensor:
        return tensor.float() if tensor.dtype == KINDS[self.kind] else tensor


@dataclass(frozen=True)
class _SiteWire(SiteHalf):
    wire: Wire

    def before(self, op: Operation, message: Broadcast, memory: Memory) -> Broadcast:
        return self.wire.unpack(message)

    def after(self, op: Operation, round_: int, reply: Reply, memory: Memory) -> Reply:
        return self.wire.pack(reply)


@dataclass(frozen=True)
class _ServerWire(ServerHalf):
    wire: Wire

    def before(self, op: Operation, messages: Mapping[str, Broadcast]) -> Mapping[str, Broadcast]:
        return {site: self.wire.pack(message) for site, message in messages.items()}

    def after(self, op: Operation, message: Broadcast, reply: Reply) -> Reply:
        return self.wire.unpack(reply)


def _map_tensors(message: Message, change: Callable[[str, Tensor], Tensor]) -> Message:
    def change_each(tensors: Mapping[str, Tensor]) -> Weights:
        return {name: change(name, tensor) for name, tensor in tensors.items()}

    extras = {kind: change_each(tensors) for kind, tensors in message.extras.items()}
    return replace(message, weights=change_each(message.weights), extras=extras)
