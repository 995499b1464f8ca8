"""Faults of NVFlare's processes: no whole round is lost, and the next job has all sites."""

import pytest

pytest.importorskip("flwr", reason="see `make test-deployment`")
pytest.importorskip("nvflare", reason="see `make test-deployment`")

from kits.deployed_sites import end_local
from kits.laws import equal

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.filterwarnings("ignore"),  # of NVFlare's session, which `up` opens
]


@pytest.fixture(scope="module")
def undisturbed(over_nvflare, tmp_path_factory):
    folder = tmp_path_factory.mktemp("local") / "run"
    return end_local(folder, over_nvflare.place / "data", "strategy=scaffold")


def assert_resumed_to(federation, run, undisturbed):
    again = federation.train(f"resume={run.folder}")
    assert again.ends()[0] == 0, again.output
    assert "round 1 of 3" not in again.output  # it was whole
    assert run.absences() == set()
    assert equal(run.last().weights, undisturbed.weights)
    assert run.last().memory == undisturbed.memory


def test_a_killed_job_process_ends_the_run_in_one_line_and_the_next_goes_on(
    over_nvflare, undisturbed
):
    with over_nvflare.holding("ixi", 1) as wait:
        run = over_nvflare.train("strategy=scaffold")
        wait(run)
        over_nvflare.kill("ixi", "worker_process")
        assert run.ends() == (
            1,
            "site ixi, round 1: its process is gone, or can't be reached any more.",
        )
    assert_resumed_to(over_nvflare, run, undisturbed)


def test_a_killed_client_misses_the_rest_of_the_run_and_is_back_at_the_next(over_nvflare):
    with over_nvflare.holding("ixi", 1) as wait:
        run = over_nvflare.train("strategy=fl_mr", "robust.quorum=3")
        wait(run)
        over_nvflare.kill("ixi", "client_train", "worker_process")
        assert run.ends()[0] == 0, run.output
    assert run.absences() == {(1, "ixi", "failed"), (2, "ixi", "failed")}
    assert "site ixi: its client ended; again in 10 s" in over_nvflare.read_output("ixi")
    again = over_nvflare.train("strategy=fl_mr", "rounds=1")
    assert again.ends()[0] == 0, again.output
    assert again.absences() == set()


def test_a_killed_coordinator_loses_the_round_it_was_in_and_nothing_else(over_nvflare, undisturbed):
    with over_nvflare.holding("ixi", 1) as wait:
        run = over_nvflare.train("strategy=scaffold")
        wait(run)
        over_nvflare.kill("coordinator")
        assert run.ends() == (
            1,
            f"the coordinator's process ended; start it again ({over_nvflare.coordinator}/start.sh)"
            f", and go on with resume={run.folder}.",
        )
    over_nvflare.start_coordinator()
    assert_resumed_to(over_nvflare, run, undisturbed)
