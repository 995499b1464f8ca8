"""A real federation on loopback: its processes, its training runs, and faults."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from kits.deployed_sites import SITES, WORDS, write_site_files
from kits.network_guard import HOOKS

from flmrcm.app import main
from flmrcm.federation.checkpoint import Checkpoint, read_checkpoint
from flmrcm.federation.journal import Journal
from flmrcm.remote.flower.command_line import DAEMON
from flmrcm.remote.provision.try_out import list_running

ROOT = Path(__file__).parents[2]
_SECOND_PORT = {"flower": "node_port", "nvflare": "admin_port"}


class RealFederation:
    """Four sites and their coordinator, each a tree of processes.

    Args:
        place: its folder.
        via: the transport.
    """

    def __init__(self, place: Path, via: str = "flower") -> None:
        self.via = via
        self.place, self.folder = place, place / "up"
        self.coordinator, self.held = self.folder / "coordinator", place / "held"
        self._started: dict[str, subprocess.Popen[bytes]] = {}

    @contextmanager
    def up(self) -> Iterator["RealFederation"]:
        """Deploy the federation and start it; end all of its processes after the block."""
        self.held.mkdir(parents=True)
        (self.place / "names").touch()
        write_site_files(self.place / "data")
        roots = [f"sites.{n}.root={self.place / 'data' / folder}" for n, folder in SITES.items()]
        ports = [f"port={free_port()}", f"{_SECOND_PORT[self.via]}={free_port()}"]
        words = [self.via, "sites=bfhi", *roots, *ports, f"output={self.folder}"]
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self._hooks().items():
                patch.setenv(name, value)
            main(["deploy", *words])
            for site_file in self.folder.glob("sites/*/site.yaml"):
                site_file.write_text(site_file.read_text().replace("threads: null", "threads: 1"))
                policy = site_file.with_name("policy.yaml")
                # these sites have a few slices each
                policy.write_text(re.sub(r"(fewest_\w+): \d+", r"\1: 1", policy.read_text()))
            main(["up", *words])
            try:
                yield self
            finally:
                for name in list(self._started):
                    self.end(name)
                main(["down", str(self.folder)])
                until(lambda: not self._list_sockets())

    def _list_sockets(self) -> list[Path]:
        """Return the daemons' folders of this federation that are still there."""
        addresses = [json.loads(path.read_text()) for path in self.folder.glob(f"sites/*/{DAEMON}")]
        return [p for a in addresses if (p := Path(a["address"]).parent).exists()]

    def start(self, name: str, **environment: str) -> None:
        """Start a party by its start.sh."""
        folder = self.party(name)
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        with (folder / "out.txt").open("wb") as out:
            self._started[name] = subprocess.Popen(
                [folder / "start.sh"], stdout=out, stderr=out, start_new_session=True,
                env={**os.environ, **self._hooks(), "PATH": path, **environment},
            )  # fmt: skip

    def read_output(self, name: str) -> str:
        """Return a party's output in its terminal."""
        return (self.party(name) / "out.txt").read_text()

    def end(self, name: str) -> int:
        """Stop a party as Ctrl-C would; return its exit code, 0 where `up` has started it."""
        own = self._started.pop(name, None)
        pid = own.pid if own else list_running(self.folder)[name]
        os.kill(pid, signal.SIGTERM)
        if own:
            return own.wait()
        until(lambda: name not in list_running(self.folder))
        return 0

    @contextmanager
    def restarted(self, name: str, **environment: str) -> Iterator[None]:
        """Run a party with other environment variables while the block lasts."""
        self.end(name)
        self.start(name, **environment)
        try:
            yield
        finally:
            self.end(name)
            self.start(name)

    def start_coordinator(self) -> None:
        """Start the coordinator, and wait until it has registered every key."""
        self.start("coordinator")
        process = self._started["coordinator"]
        ready = "coordinator ready"
        until(lambda: ready in self.read_output("coordinator"), lambda: process.poll() is None)

    def exit_code(self, name: str) -> int:
        """Wait for a party to end by itself; return its exit code."""
        return self._started.pop(name).wait()

    def party(self, name: str) -> Path:
        """Return a party's folder."""
        return self.coordinator if name == "coordinator" else self.folder / "sites" / name

    def processes(self, name: str, *programs: str) -> list[int]:
        """Return the ids of a party's processes that run one of some programs, or of all."""
        own = self._started.get(name)
        pids = [own.pid if own else list_running(self.folder)[name]]
        matching = []
        table = [line.split(maxsplit=3) for line in _ps("pid=,ppid=,stat=,args=")]
        for pid in pids:  # grows as children are found
            pids += [int(row[0]) for row in table if int(row[1]) == pid]
            (words,) = [row[3] for row in table if int(row[0]) == pid]
            matching += [pid] * any(program in words for program in programs or [""])
        return matching

    def kill(self, name: str, *programs: str) -> None:
        """Kill processes of a party all at once, as a power cut would."""
        pids = self.processes(name, *programs)
        assert pids, f"{name} runs none of {programs}"
        for pid in pids:
            os.kill(pid, signal.SIGKILL)

    @contextmanager
    def holding(self, site: str, round_: int = 0) -> Iterator[Callable[["Training"], None]]:
        """Keep a site in its training of a round until the block ends.

        Yield a function that waits until a run has brought the site there.
        """
        order, waits = self.held / site, self.held / f"{site}.waits"
        waits.unlink(missing_ok=True)
        order.write_text(str(round_))
        try:
            yield lambda run: until(waits.exists, run.runs)
        finally:
            order.unlink()

    def train(self, *words: str) -> "Training":
        """Start `flmrcm train` in a process of its own."""
        return Training(self, self._hooks(), words)

    def _hooks(self) -> dict[str, str]:
        return {
            "PYTHONPATH": os.pathsep.join([str(HOOKS), str(ROOT)]), "OMP_NUM_THREADS": "1",
            "FLMRCM_HELD": str(self.held), "FLMRCM_LOOKED_UP": str(self.place / "names"),
            "COLUMNS": "200",
        }  # fmt: skip


class Training:
    """A process of `flmrcm train`; `ends` waits for its end."""

    def __init__(
        self, federation: RealFederation, hooks: dict[str, str], words: Sequence[str]
    ) -> None:
        name, place = f"run_{time.time_ns()}", federation.place
        self._place, self._output = place / "outputs" / name, place / f"{name}.txt"
        resumed = [word.removeprefix("resume=") for word in words if word.startswith("resume=")]
        if resumed:
            self._place = Path(resumed[0]).parent
        else:
            remote = [f"engine={federation.via}", f"engine.federation={federation.coordinator}"]
            remote.append("engine.patience=200")
            words = [*WORDS, *remote, "test.saved_volumes=0", f"name={name}", *words]
        with self._output.open("wb") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "flmrcm", "train", *words],
                cwd=place, env={**os.environ, **hooks}, stdout=out, stderr=out,
            )  # fmt: skip

    @property
    def folder(self) -> Path:
        """The run's."""
        (folder,) = self._place.iterdir()
        return folder

    @property
    def output(self) -> str:
        """All that it has printed so far."""
        return self._output.read_text()

    def runs(self) -> bool:
        """Return whether it hasn't ended."""
        return self._process.poll() is None

    def ends(self) -> tuple[int, str]:
        """Wait for its end; return the exit code and the last line."""
        code = self._process.wait()
        return code, self.output.strip().splitlines()[-1]

    def last(self) -> Checkpoint:
        """Return its last checkpoint."""
        return read_checkpoint(self.folder / "checkpoints" / "last.pt")

    def absences(self) -> set[tuple[int, str, str]]:
        """Return the sites that failed or were left out: round, site, how."""
        rows = Journal(self.folder / "journal.csv").read()
        return {(row.round, row.site, row.metric) for row in rows if row.split == "participation"}


def until(holds: Callable[[], bool], possible: Callable[[], bool] = lambda: True) -> None:
    """Wait for a condition to become true, however slow the machine is.

    Args:
        holds: the condition.
        possible: whether it can still become true; asked before the condition, which may have
            become true just before this ended. Where nothing else ends the wait, the test's own
            time limit does.
    """
    while True:
        goes_on = possible()
        if holds():
            return
        assert goes_on, "what was waited for can't happen any more"
        time.sleep(0.1)


def free_port() -> int:
    """Return a port that no program listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def _ps(columns: str) -> list[str]:
    words = ["ps", "-ww", "-eo", columns]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()
