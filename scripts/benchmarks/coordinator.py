"""(coordinator) What a round costs the coordinator itself: its sites reply at once.

`python -m benchmarks.coordinator RULE SITES CHANNELS` makes one such round and prints what it took.
"""

import json
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import ClassVar, cast

from benchmarks.bed import make_module
from benchmarks.fresh import in_fresh_process, peak_mib
from benchmarks.results import Result
from flmrcm.federation.checkpoint import CheckpointFolder
from flmrcm.federation.engine import Op
from flmrcm.federation.journal import Journal
from flmrcm.federation.ledger import LEDGER, Ledger
from flmrcm.federation.rounds import Rounds, TrainingPlan
from flmrcm.federation.wire import FULL_PRECISION, Wire
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.strategies.robust import AGGREGATIONS
from flmrcm.types import Broadcast, Reply

COUNTS, QUICK_COUNTS = (10, 100), (5,)
CHANNELS, QUICK_CHANNELS = 32, 4


class Echo:
    """An engine whose sites reply at once: the weights they were sent, each a little larger."""

    can_interrupt: ClassVar[bool] = False
    on_one_machine: ClassVar[bool] = True
    data_is_local: ClassVar[bool] = True
    wire: Wire = FULL_PRECISION

    def __init__(self, sites: Sequence[str]) -> None:
        self._sites = sites

    def sites(self) -> Sequence[str]:
        """Gives them."""
        return self._sites

    def call(
        self, op: Op, messages: Mapping[str, Broadcast], timeout: float | None = None
    ) -> Iterator[Reply]:
        """Gives replies with tensors of their own."""
        for number, site in enumerate(sorted(messages)):
            weights = messages[site].weights
            yield Reply(site, 1, {k: v * (1 + number * 1e-4) for k, v in weights.items()})

    def snapshot(self) -> Mapping[str, int]:
        """Has nothing to remember."""
        return {}

    def restore(self, snapshot: Mapping[str, int]) -> None:
        """Has nothing to go back to."""

    def forget_before(self, kept: Sequence[Mapping[str, int]]) -> None:
        """Has nothing to forget."""

    def close(self) -> None:
        """Has nothing to let go of."""


def coordinating(_: Path, quick: bool) -> list[Result]:
    """(coordinator) Seconds and memory of a round at the coordinator, whose sites take no time."""
    channels, counts = (QUICK_CHANNELS, QUICK_COUNTS) if quick else (CHANNELS, COUNTS)
    results: list[Result] = []
    for rule, sites in product(AGGREGATIONS, counts):
        words = rule, str(sites), str(channels)
        seconds, memory = in_fresh_process("benchmarks.coordinator", *words, OMP_NUM_THREADS="1")
        note = f"{memory:.0f} MiB at most"
        label = f"{sites} sites, {rule}: a round"
        results.append(Result("coordinator", label, seconds, "s", note=note))
    return results


def round_of(rule: str, sites: int, channels: int) -> tuple[float, float]:
    """Gives the seconds of a round with everything but sites, and the MiB the process ever held."""
    names = [f"site_{number:03}" for number in range(sites)]
    initial = make_module(channels).model.state_dict()
    with tempfile.TemporaryDirectory() as place:
        run = Path(place)
        federation = Rounds(
            FedAvg("FL-MR", aggregation=rule), Echo(names), TrainingPlan(1, names, judged=()),
            CheckpointFolder(run, 0, {}), Journal(run / "journal.csv"), (), Ledger(run / LEDGER),
        )  # fmt: skip
        start = time.perf_counter()
        federation.run(initial)
        seconds = time.perf_counter() - start
    return seconds, peak_mib()


if __name__ == "__main__":
    rule, *sizes = cast(tuple[str, str, str], sys.argv[1:])
    print(json.dumps(round_of(rule, *map(int, sizes))))
