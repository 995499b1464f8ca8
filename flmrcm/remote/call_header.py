"""A call's header: what a site has to know besides the message, where it remembers nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from flmrcm.federation.engine import Operation


@dataclass(frozen=True)
class CallHeader:
    """What is asked of a site, and the state it is to answer from.

    Attributes:
        op: an operation, or `join`: tell the facts of your data.
        version: of the coordinator's package.
        config_hash: of the travelling config, as the coordinator counts it.
        run_id: under which the site keeps its private state.
        memory_round: the round its memory was last written in; None before its first.
        kept_rounds: rounds whose memory may be needed again.
        epochs: over its data, when it trains.
        steps: optimizer steps; None means whole epochs.
        splits: it has to have, when it joins.
    """

    op: Operation | Literal["join"]
    version: str
    config_hash: str
    run_id: str
    memory_round: int | None = None
    kept_rounds: Sequence[int] = ()
    epochs: int = 1
    steps: int | None = None
    splits: Sequence[str] = ()
