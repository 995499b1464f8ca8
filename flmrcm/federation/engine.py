"""The port: how a message reaches its sites; all that a strategy's round may use."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import ClassVar, Literal, NamedTuple, Protocol

from flmrcm.types import Broadcast, Reply

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
    """Carries messages to sites and replies back.

    Attributes:
        can_interrupt: whether it keeps a time-out; one that can't isn't given any.
        on_one_machine: whether all sites share one trusted machine, so that a site may read
            another's images in place.
    """

    can_interrupt: ClassVar[bool]
    on_one_machine: ClassVar[bool]

    def sites(self) -> Sequence[str]:
        """Gives the live sites, sorted: participants, target and any other that can be judged."""
        ...

    def call(
        self, op: Op, messages: Mapping[str, Broadcast], timeout: float | None = None
    ) -> Iterator[Reply]:
        """Gives the sites' replies in sorted order; a failed site replies with `error`.

        Args:
            op: what the sites are to do.
            messages: by site.
            timeout: seconds until a site that hasn't replied has failed; None waits for ever.
        """
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
