"""A coordinator that is killed in a round loses that round, and nothing else."""

import pytest

pytest.importorskip("flwr", reason="Flower isn't installed: pip install 'flmrcm[flower]'")

from kits.deployed_sites import end_local
from kits.laws import equal

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


def test_a_killed_daemon_and_a_killed_coordinator_change_no_bit(federation, tmp_path):
    with federation.holding("fastmri", 0) as wait:
        run = federation.train("strategy=scaffold")
        wait(run)
        federation.kill("fastmri", "flower.app.site")  # then Flower's own process answers
    with federation.holding("ixi", 1) as wait:
        wait(run)
        federation.kill("coordinator")
        assert run.ends() == (
            1,
            f"the coordinator's process ended; start it again ({federation.coordinator}/start.sh), "
            f"and go on with resume={run.folder}.",
        )
    federation.start_coordinator()
    again = federation.train(f"resume={run.folder}")
    assert again.ends()[0] == 0, again.output
    assert "round 1 of 3" not in again.output  # it was whole
    assert run.absences() == set()
    here = end_local(tmp_path / "here", federation.place / "data", "strategy=scaffold")
    assert equal(run.last().weights, here.weights)
    assert run.last().memory == here.memory
