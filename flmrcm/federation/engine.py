"""The port: how a message reaches its sites; all that a strategy's round may use."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import ClassVar, Literal, NamedTuple, Protocol

from flmrcm.types import Broadcast, Reply, Weights

Op = Literal["survey", "train", "evaluate"]


class Progress(NamedTuple):
    """What a site is doing right now.

    Attributes:
        op: survey | train | evaluate.
        site: its name.
        done: slices so far.
        total: slices in all; 0 where unknown.
        loss: newest training loss read; NaN where there's none.
    """

    op: Op
    site: str
    done: int
    total: int
    loss: float


Watch = Callable[[Progress], None]


class Engine(Protocol):
    """Carries messages to sites and replies back; starts nothing before its first call.

    Attributes:
        may_share_images: whether a site may read another's images, because all of them live in one
            process that is trusted with them.
    """

    may_share_images: ClassVar[bool]

    def sites(self) -> Sequence[str]:
        """Gives the live sites, sorted: participants, target and any other that can be judged."""
        ...

    def call(self, op: Op, messages: Mapping[str, Broadcast]) -> Iterator[Reply]:
        """Gives the sites' replies in sorted order; a failed site replies with `error`."""
        ...

    def n_bytes(self, tensors: Weights) -> int:
        """Gives the bytes that tensors take on their way to a site or back."""
        ...

    def snapshot(self) -> Mapping[str, int]:
        """Gives, for each site with a private memory, the round it was last written in."""
        ...

    def restore(self, snapshot: Mapping[str, int]) -> None:
        """Goes back to the memories of a snapshot."""
        ...

    def forget_before(self, kept: Sequence[Mapping[str, int]]) -> None:
        """Drops memories that no kept snapshot names."""
        ...

    def close(self) -> None:
        """Lets go of what calls have started; a later call starts it again."""
        ...
