"""A call's head: what a site has to know besides the message, where it remembers nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from flmrcm.federation.engine import Op


@dataclass(frozen=True)
class CallHeader:
    """What is asked of a site, and the state it's to answer from.

    Attributes:
        op: an operation, or `join`: who are you?
        version: of the coordinator's package.
        config_hash: of the travelling config, as the coordinator counts it.
        experiment: under which the site keeps its private state.
        kept: the round its memory was last written in; None before its first.
        keep: rounds whose memory may be needed again.
        passes: over its data, when it trains.
        steps: optimizer steps; None means whole passes.
        splits: it has to have, when it joins.
        saved: volumes it's to keep, when it judges; None keeps all.
    """

    op: Op | Literal["join"]
    version: str
    config_hash: str
    run_id: str
    memory_round: int | None = None
    kept_rounds: Sequence[int] = ()
    epochs: int = 1
    steps: int | None = None
    splits: Sequence[str] = ()
    saved: int | None = 0
