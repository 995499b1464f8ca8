"""The interface of engines: how rounds reach sites; rounds use nothing else of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import ClassVar, Literal, NamedTuple, Protocol, get_args

from flmrcm.federation.site_facts import SiteFacts
from flmrcm.federation.workload import Workload
from flmrcm.file_queue import FileQueue
from flmrcm.types import Broadcast, Reply

Operation = Literal["survey", "agree", "train", "unmask", "finetune", "validate", "test"]
"""What a site does at a call, once it has joined."""

TRAINING: tuple[Operation, ...] = ("train", "finetune")
"""The operations after which a site keeps another memory than before."""

ABOUT_MASKS: tuple[Operation, ...] = ("agree", "unmask")
"""The operations that a member of the middleware answers alone; no model and no data are read."""

OPERATIONS: tuple[Operation, ...] = get_args(Operation)
JOIN = "join"
"""What a site does before the first round: it sends facts about its data."""


class Progress(NamedTuple):
    """What a site is doing at this moment.

    Attributes:
        op: one of `OPERATIONS`.
        site: its name.
        done: slices so far.
        total: slices in all; 0 where unknown.
        loss: the newest training loss; NaN where there is none.
    """

    op: Operation
    site: str
    done: int
    total: int
    loss: float


OnProgress = Callable[[Progress], None]


class Joined(NamedTuple):
    """The sites that joined before the first round, and those that did not.

    Attributes:
        facts: of each site that joined.
        reasons: for each site that did not, one line.
        kinds: for each of these that said so itself, the word by which it did.
    """

    facts: Mapping[str, SiteFacts]
    reasons: Mapping[str, str]
    kinds: Mapping[str, str] = {}


class Engine(Protocol):
    """Carries messages to sites and replies back; starts nothing before its first call.

    Messages and replies are as they travel: what rounds, compresses or masks them is middleware.

    Attributes:
        can_interrupt: whether it can end a call at its time-out; others are given no time-out.
        on_one_machine: whether all sites stay with this process's user on one trusted machine, so
            that a site may read another's images in place.
        data_is_local: whether the coordinator's machine can read the sites' data, and so the names
            of their volumes.
        workloads: what each site trains in a round; set once, after the sites have joined.
    """

    can_interrupt: ClassVar[bool]
    on_one_machine: ClassVar[bool]
    data_is_local: ClassVar[bool]
    workloads: Mapping[str, Workload]

    @property
    def files(self) -> FileQueue:
        """In which the memories here, and the checkpoints that name them, are written in order."""
        ...

    def sites(self) -> Sequence[str]:
        """Return the sites that may be called, sorted: participants, target and any other."""
        ...

    def join(self, splits: Mapping[str, Sequence[str]]) -> Joined:
        """Call sites for facts about their data.

        Args:
            splits: for each site, the splits it has to have.

        Raises:
            DataLayoutError: local data break the contract; remote sites give a reason instead.
        """
        ...

    def call(
        self, op: Operation, messages: Mapping[str, Broadcast], timeout: float | None = None
    ) -> Iterator[Reply]:
        """Return the sites' replies in sorted order; a failed site replies with `error`.

        Args:
            op: what the sites are to do.
            messages: by site.
            timeout: seconds until a site that was called and has not replied has failed; its
                memory stays as before the call. None waits for ever.
        """
        ...

    def snapshot(self) -> Mapping[str, int]:
        """Return, for each site with a private memory, the round it was last written in."""
        ...

    def restore(self, snapshot: Mapping[str, int]) -> None:
        """Go back to the memories of a snapshot."""
        ...

    def forget_before(self, kept: Sequence[Mapping[str, int]]) -> None:
        """Drop memories that no kept snapshot names."""
        ...

    def close(self) -> None:
        """End the processes that calls have started; a later call starts them again."""
        ...
