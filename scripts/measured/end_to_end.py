"""(end_to_end) What an engine adds to a round with a minute of local work, run as a user does."""

import socket
import subprocess
import sys
import tempfile
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from measured.measurement import ONE_THREAD, Figure, make_ratio, measure_in_turn, read_rounds

DATA = ("sites=simulated_pair", "data.simulated.size=96", "data.simulated.slices=6")
WORK = (
    "participants=[sim_b]", "target=sim_b", "strategy=fl_mr", "rounds=3", "validate_every=9",
    "keep_every=1", "model.channels=16", "local.batch_size=4", "logger=csv", "compute=cpu",
    "data.cache=off", "test.saved_volumes=0",
)  # fmt: skip
IN_PROCESS = "in process"


class EngineWords(NamedTuple):
    """An engine as a user asks for it: package, words, target, keys of its deployment's ports."""

    package: str
    words: Sequence[str]
    target: str = ""
    ports: Sequence[str] = ()


ENGINES = {
    IN_PROCESS: EngineWords("flmrcm", ["engine.threads=1"]),
    "Ray": EngineWords("ray", ["engine=ray", "engine.actors=1", "engine.threads=1"], "≤ 1.05"),
    "NVFlare": EngineWords("nvflare", ["engine=nvflare"], "≤ 1.1", ("port", "admin_port")),
    "Flower": EngineWords("flwr", ["engine=flower"], "≤ 1.3", ("port", "node_port")),
}


def measure_end_to_end(folder: Path, quick: bool) -> list[Figure]:
    """Return engine / in process for a round of one site with a minute of work."""
    epochs, repeats = (1, 1) if quick else (70, 2)
    words = [*DATA, *WORK, f"local.epochs={epochs}"]
    found = {name: engine for name, engine in ENGINES.items() if find_spec(engine.package)}
    with ONE_THREAD, ExitStack() as stack:
        works = {
            name: partial(time_rounds, [*words, *stack.enter_context(deploy(engine, folder))])
            for name, engine in found.items()
        }
        taken = measure_in_turn(works, repeats)
    figures: list[Figure] = []
    for name in [*taken][1:]:
        # one exchange, training, in the second round; two, with validation, in the third
        for index, part in enumerate(("train", "train and validate")):
            ours, base = ([run[index] for run in taken[key]] for key in (name, IN_PROCESS))
            target = ENGINES[name].target if part == "train" else ""
            figures.append(make_ratio(f"{name} / in process, {part}", ours, base, target))
    return figures


def time_rounds(words: Sequence[str]) -> list[float]:
    """Return the seconds of each round of a run but the first."""
    with tempfile.TemporaryDirectory() as place:
        run_flmrcm("train", *words, place=place)
        (run,) = Path(place).glob("outputs/*/*")
        return read_rounds(run)


@contextmanager
def deploy(engine: EngineWords, folder: Path) -> Generator[Sequence[str]]:
    """Bring up on loopback what the engine needs, for a block; yield the words that choose it."""
    if not engine.ports:
        yield engine.words
        return
    place = folder / engine.words[0].removeprefix("engine=")
    ports = [f"{key}={find_free_port()}" for key in engine.ports]
    run_flmrcm("up", place.name, *DATA, f"output={place}", *ports)
    try:
        yield [*engine.words, f"engine.federation={place / 'coordinator'}"]
    finally:
        run_flmrcm("down", str(place))


def run_flmrcm(*words: str, place: str | None = None) -> None:
    """Run a command of ours in a process of its own; what goes wrong is on the terminal."""
    command = [sys.executable, "-m", "flmrcm", *words]
    subprocess.run(command, cwd=place, stdout=subprocess.DEVNULL, check=True)  # noqa: S603


def find_free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
