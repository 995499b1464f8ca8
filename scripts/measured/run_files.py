"""(q) how long a round waits for its files: written at once, and while the next round trains."""

import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple
from unittest.mock import patch

from flmrcm.federation.memory import MemoryStore
from flmrcm.federation.rounds import Rounds
from flmrcm.file_queue import FileQueue, FileThread
from measured.fixtures import TARGET, TINY, Fixture, make_federation, make_fixture
from measured.measurement import Figure, make_ratio, measure_in_turn
from measured.rounds import OVERHEAD


class Waited(NamedTuple):
    """Seconds of each round but the first, and those of them that went into files."""

    rounds: list[float]
    files: list[float]


def measure_run_files(folder: Path, quick: bool) -> list[Figure]:
    """Return a round / the same without what its tables, memories and checkpoint hold it up."""
    size = TINY if quick else OVERHEAD
    slices = {"source": size.slices, TARGET: size.slices}
    words = (f"model.channels={size.channels}", "data.cache=ram", f"rounds={1 + size.repeats}")
    fixture = make_fixture(folder, slices, size.image, *words, "strategy=fl_mr")
    ways: dict[str, Callable[[], FileQueue]] = {"behind it": FileThread, "at once": FileQueue}
    runs = measure_in_turn({way: partial(measure_waits, fixture, ways[way]) for way in ways}, 1)
    figures: list[Figure] = []
    for way, (waited,) in runs.items():
        rest = [whole - files for whole, files in zip(*waited, strict=True)]
        took = f"{median(waited.files):.3f} s of {median(waited.rounds):.1f} s"
        target = "≤ 1.03" if way == "behind it" else ""
        name = f"round / the same without files, written {way}"
        figures.append(make_ratio(name, waited.rounds, rest, target, took))
    return figures


def measure_waits(fixture: Fixture, make_files: Callable[[], FileQueue]) -> Waited:
    """Return what the rounds of a run took, and how long files held them up."""
    federation, ends, waits = make_federation(fixture), list[float](), [0.0]
    vars(federation.engine)["store"].files = make_files()

    def timed(work: Callable[..., Any], ends_round: bool, *given: Any) -> Any:
        start = time.perf_counter()
        result = work(*given)
        waits[-1] += time.perf_counter() - start
        if ends_round:
            ends.append(time.perf_counter())
            waits.append(0.0)
        return result

    save, end = MemoryStore.save, vars(Rounds)["_end"]
    with (
        patch.object(MemoryStore, "save", lambda *given: timed(save, False, *given)),
        patch.object(Rounds, "_end", lambda *given: timed(end, True, *given)),
    ):
        federation.run(fixture.initial)
    rounds = [later - earlier for earlier, later in pairwise(ends)]
    return Waited(rounds, waits[1 : 1 + len(rounds)])
