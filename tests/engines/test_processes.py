"""Processes of this machine: as many as help, equal bits, nothing shared, nothing left behind."""

import os
import signal
import subprocess
import sys
from functools import partial

import pytest
import torch
from kits.engines import CLINICS, STRATEGIES, engine_of, messages
from kits.laws import equal

from flmrcm.app import main
from flmrcm.engines import processes
from flmrcm.engines.in_process import InProcess
from flmrcm.engines.processes import Processes, WorkerProcess
from flmrcm.errors import ConfigErrors
from flmrcm.federation.clients import Clients
from flmrcm.federation.memory import MemoryStore
from flmrcm.strategies.fedavg import FedAvg


def nobody(count=0):
    return Clients(dict.fromkeys(map(str, range(count))), dict)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"workers": 0}, "engine.workers: at least 1; got 0."),
        ({"threads": 0}, "engine.threads: at least 1; got 0."),
    ],
)
def test_a_value_outside_its_range_is_refused(options, line):
    with pytest.raises(ConfigErrors, match=line):
        Processes(nobody(), MemoryStore(), **options)


@pytest.mark.parametrize(
    ("cores", "sites", "workers"), [(2, 4, 2), (8, 4, 4), (1, 4, 1), (2, 0, 1)]
)
def test_there_are_as_many_as_cores_or_sites(monkeypatch, cores, sites, workers):
    monkeypatch.setattr(processes, "count_cores", lambda: cores)
    assert Processes(nobody(sites), MemoryStore()).most == workers


def test_an_engine_that_is_not_called_starts_nothing(monkeypatch):
    monkeypatch.setattr(processes, "WorkerProcess", None)
    Processes(nobody(), MemoryStore()).close()


def test_two_at_once_answer_bit_for_bit_as_one_after_the_other(clinics, tmp_path):
    scaffold = STRATEGIES["scaffold"]
    here = engine_of(partial(InProcess, threads=1), clinics, scaffold, tmp_path / "here")
    there = engine_of(partial(Processes, workers=2), clinics, scaffold, tmp_path / "there")
    sent = messages(CLINICS)
    state = scaffold.start(sent["east"].weights, CLINICS)
    for site, message in sent.items():
        message.extras.update(scaffold.build_extras(site, state, ()))
    pairs = [*zip(here.call("train", sent), there.call("train", sent), strict=True)]
    there.close()
    assert [one.site for one, _ in pairs] == sorted(CLINICS)
    for one, other in pairs:
        assert equal(one.weights, other.weights)
        assert one.metrics["loss"] == other.metrics["loss"]
    assert here.snapshot() == there.snapshot()


@pytest.fixture(scope="module")
def engine(clinics, tmp_path_factory):
    folder = tmp_path_factory.mktemp("processes")
    engine = engine_of(partial(Processes, workers=1), clinics, FedAvg(), folder)
    yield engine
    engine.close()


def test_what_a_process_does_to_a_message_is_not_seen_here(engine):
    sent = messages(("east",))
    before = {name: tensor.clone() for name, tensor in sent["east"].weights.items()}
    [*engine.call("train", sent)]
    assert equal(sent["east"].weights, before)
    assert not any(tensor.is_shared() for tensor in sent["east"].weights.values())


def test_closed_it_leaves_no_process(clinics, tmp_path):
    engine = engine_of(partial(Processes, workers=2), clinics, FedAvg(), tmp_path)
    [*engine.call("validate", messages())]
    idle = [worker.process for worker in engine._idle]
    engine.close()
    assert len(idle) == 2
    assert not any(process.is_alive() for process in idle)


def test_an_interrupt_typed_for_the_run_ends_no_worker():
    worker = WorkerProcess(Echo())
    worker.send(("before",))
    assert worker.receive() == "before"
    os.kill(worker.process.pid, signal.SIGINT)
    worker.send(("after",))
    assert worker.receive() == "after"
    worker.kill()


class Echo:
    """Answers with what it is sent."""

    def ready(self):
        pass

    def answer(self, text):
        return text


def test_a_run_gives_the_weights_that_one_process_gives(tmp_path, monkeypatch):
    """In a program of its own, as a user's is: FL-MRCM reads the target's images in place."""
    monkeypatch.chdir(tmp_path)
    words = ["debug=tiny", "strategy=fl_mrcm", "logger=csv", "target=sim_h"]
    main(["train", *words, "engine.threads=1", "name=one"])
    command = [sys.executable, "-m", "flmrcm", "train", *words, "engine=processes", "name=several"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    found = [
        sorted(tmp_path.glob(f"outputs/{n}/*/checkpoints/last.pt")) for n in ("one", "several")
    ]
    (one,), (several,) = found
    assert equal(*(torch.load(path, weights_only=True)["weights"] for path in (one, several)))
