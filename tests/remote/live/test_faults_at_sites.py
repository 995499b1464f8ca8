"""A fault at a site costs it one round at most; it reconnects by itself."""

from contextlib import ExitStack

import pytest

pytest.importorskip("flwr", reason="Flower isn't installed: pip install 'flmrcm[flower]'")

from kits.deployed_sites import end_local
from kits.faulty_engine import away, with_faults
from kits.laws import equal
from kits.real_federation import until

from flmrcm.runs import training

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

CLIENT = "flower.app.client_process"
NODE = ("flower-supernode", "flower-superexec", CLIENT)


def test_a_killed_client_process_and_a_killed_node_miss_that_round_only(
    federation, tmp_path, monkeypatch
):
    with ExitStack() as stack:
        waits = [stack.enter_context(federation.holding(name, 1)) for name in ("brats", "hpks")]
        run = federation.train("strategy=scaffold", "robust.quorum=2")
        for wait in waits:
            wait(run)
        federation.kill("brats", *NODE)
        federation.kill("hpks", CLIENT)
        # Flower waits: two heartbeats of 30 s
        until(lambda: "site brats, round 1: Error: Node Unavailable" in run.output, run.runs)
        until(lambda: "site hpks, round 1: ClientApp stopped responding." in run.output, run.runs)
    assert run.ends()[0] == 0, run.output
    assert run.absences() == {(1, "brats", "failed"), (1, "hpks", "failed")}
    assert "site brats: its SuperNode ended; again in 60 s" in federation.read_output("brats")
    # the next test finds it again
    until(lambda: federation.read_output("brats").count("site brats: calls ") == 2)
    missed = {(name, "train", 1): away for name in ("brats", "hpks")}
    build = training.build_rounds
    monkeypatch.setattr(training, "build_rounds", lambda *a: with_faults(build(*a), missed))
    words = ["strategy=scaffold", "robust.quorum=2"]
    here = end_local(tmp_path / "here", federation.place / "data", *words)
    assert equal(run.last().weights, here.weights)
    assert run.last().memory == here.memory
