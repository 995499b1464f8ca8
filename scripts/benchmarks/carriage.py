"""(carriage) What an engine adds to a round with a minute of local work, run as a user runs it."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks.results import Result
from flmrcm.federation.journal import Journal

REPEATS = 2
DATA = ("sites=simulated_pair", "data.simulated.size=96", "data.simulated.slices=6")
WORK = (
    "participants=[sim_b]", "target=sim_b", "strategy=fl_mr", "rounds=3", "validate_every=9",
    "model.channels=16", "local.batch_size=4", "logger=csv", "compute=cpu", "data.cache=off",
    "test.saved_volumes=0",
)  # fmt: skip
EPOCHS, QUICK_EPOCHS = 70, 1
_LOOK_EVERY = 0.01  # seconds
_ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Carrier:
    """An engine as it's typed.

    Args:
        package: it needs.
        words: that choose it; `COORDINATOR` stands for the folder of its deployment.
        at_most: its round may take, as a multiple of one in process.
        deployment: what `flmrcm up` calls it; None where it has none.
        ports: keys of those its deployment needs.
    """

    package: str
    words: Sequence[str]
    at_most: float | None = None
    deployment: str | None = None
    ports: Sequence[str] = ()


CARRIERS = {
    "in process": Carrier("flmrcm", ["engine.threads=1"]),
    "Ray": Carrier("ray", ["engine=ray", "engine.actors=1", "engine.threads=1"], 1.05),
    "NVFlare": Carrier("nvflare", ["engine=nvflare"], 1.1, "nvflare", ("port", "admin_port")),
    "Flower": Carrier("flwr", ["engine=flower"], 1.3, "flower", ("port", "node_port")),
}


class Rounds(NamedTuple):
    """Seconds of two rounds, and of their training at the site.

    Attributes:
        alone: one exchange: training.
        judged: two: training and validation.
        work: what training takes of each.
    """

    alone: float
    judged: float
    work: float


def carriage(folder: Path, quick: bool) -> list[Result]:
    """(carriage) Engine / in process for a round of one site with a minute of work."""
    epochs, repeats = (QUICK_EPOCHS, 1) if quick else (EPOCHS, REPEATS)
    here = {name: c for name, c in CARRIERS.items() if find_spec(c.package)}
    taken = {name: list[Rounds]() for name in here}
    with ExitStack() as stack:
        words = {
            name: [*carrier.words, *stack.enter_context(deployed(carrier, folder / "deployed"))]
            for name, carrier in here.items()
        }
        for _ in range(repeats):  # in turn: the machine's speed drifts over minutes
            for name in here:
                taken[name].append(rounds([*DATA, *WORK, f"local.epochs={epochs}", *words[name]]))
    return [row for name in list(here)[1:] for row in _rows(name, taken[name], taken["in process"])]


def _rows(name: str, ours: Sequence[Rounds], theirs: Sequence[Rounds]) -> list[Result]:
    note = f"{median(r.work for r in theirs):.1f} s of work in process, {_work(ours):.1f} s on it"
    results: list[Result] = []
    for key, what in {"alone": "one exchange", "judged": "two, validation too"}.items():
        first, second = ([getattr(r, key) for r in runs] for runs in (ours, theirs))
        ratio = median(a / b for a, b in zip(first, second, strict=True))
        most = CARRIERS[name].at_most if key == "alone" else None
        label, raw = f"{name} / in process, {what}", {"first": first, "second": second}
        results.append(Result("carriage", label, ratio, "×", most, note=note, raw=raw))
    return results


def _work(runs: Sequence[Rounds]) -> float:
    return median(run.work for run in runs)


def rounds(words: Sequence[str]) -> Rounds:
    """Runs three rounds in a process of their own; the first isn't timed: it starts the engine."""
    with tempfile.TemporaryDirectory() as place:
        ends = round_ends(["train", *words], Path(place))
        (path,) = Path(place).glob("outputs/*/*/journal.csv")
        work = [row.value for row in Journal(path).read() if row.metric == "seconds"]
    alone, judged = (b - a for a, b in pairwise(ends))
    return Rounds(alone, judged, median(work[1:]))


def round_ends(words: Sequence[str], place: Path) -> list[float]:
    """Gives when each round's checkpoint was there, by the file system's clock."""
    ends: list[float] = []
    with (place / "said.txt").open("wb") as out:
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "flmrcm", *words], cwd=place, env=_ONE_THREAD, stdout=out,
            stderr=out,
        )  # fmt: skip
        while process.poll() is None:
            for path in place.glob("outputs/*/*/checkpoints/last.pt"):
                if (end := path.stat().st_mtime_ns / 1e9) not in ends:
                    ends.append(end)
            time.sleep(_LOOK_EVERY)
    if process.returncode:
        raise RuntimeError((place / "said.txt").read_text())
    return ends


@contextmanager
def deployed(carrier: Carrier, folder: Path) -> Generator[list[str]]:
    """Brings a deployment up on loopback where the engine needs one; gives the word that names it.

    Args:
        carrier: the engine.
        folder: of deployments.
    """
    if carrier.deployment is None:
        yield []
        return
    place = folder / carrier.deployment
    ports = [f"{key}={free_port()}" for key in carrier.ports]
    flmrcm("up", carrier.deployment, *DATA, f"output={place}", *ports)
    try:
        yield [f"engine.federation={place / 'coordinator'}"]
    finally:
        flmrcm("down", str(place))


def flmrcm(*words: str) -> None:
    """Runs a command of ours in a process of its own."""
    command = [sys.executable, "-m", "flmrcm", *words]
    done = subprocess.run(command, env=_ONE_THREAD, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)


def free_port() -> int:
    """Gives a port of this machine that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
