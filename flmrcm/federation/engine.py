"""The port: how a message reaches its sites; all that a strategy's round may use."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import ClassVar, Literal, NamedTuple, Protocol

from flmrcm.federation.wire import Wire
from flmrcm.types import Broadcast, Reply

Op = Literal["survey", "train", "validate", "test"]


class Progress(NamedTuple):
    """What a site is doing right now.

    Attributes:
        op: survey | train | validate | test.
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


OnProgress = Callable[[Progress], None]


class Engine(Protocol):
    """Carries messages to sites and replies back; starts nothing before its first call.

    Attributes:
        can_interrupt: whether it keeps a time-out; one that can't isn't given any.
        on_one_machine: whether it promises that all sites stay in one process of one trusted
            machine, so that a site may read another's images in place.
        data_is_local: whether the coordinator's machine can read the sites' data; where it can't,
            sites join with facts and judge their own test volumes.
        wire: how tensors travel, and so what they weigh on the way.
    """

    can_interrupt: ClassVar[bool]
    on_one_machine: ClassVar[bool]
    data_is_local: ClassVar[bool]
    wire: Wire

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
            timeout: seconds until a site that was called and hasn't replied has failed; what it
                would have remembered doesn't count. None waits for ever.
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

    def close(self) -> None:
        """Lets go of what calls have started; a later call starts it again."""
        ...
