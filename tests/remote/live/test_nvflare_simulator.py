"""NVFlare's simulator runs a deployment's job: the same classes, envelopes and weights."""

import json
import os
import subprocess
import sys

import pytest

pytest.importorskip("flwr", reason="see `make test-deployment`")
pytest.importorskip("nvflare", reason="NVFlare isn't installed: pip install 'flmrcm[nvflare]'")

from kits.deployed_sites import RUNS, WORDS, end_local, write_site_files
from kits.laws import equal
from kits.network_guard import Guard

from flmrcm.config.check import check_config
from flmrcm.config.compose import compose_config
from flmrcm.config.travelling import dump_config, select_travelling_config
from flmrcm.federation.checkpoint import read_checkpoint
from flmrcm.remote.layout import COORDINATOR
from flmrcm.remote.nvflare.session import SERVER_SIDE, SITE_FILE, SITE_SIDE, write_job_folder
from flmrcm.remote.requests import CoordinatorJob, read_outcome, write_job

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

ALLOWED = {
    "format_version": 2,
    "class_allow_list": [*SERVER_SIDE, *SITE_SIDE],
    "class_list_enforcement_mode": "enforce",
}


def simulated(place, job, sites, **environment):
    """Run a job in the simulator, a process for each site."""
    (place / "work" / "local").mkdir(parents=True)
    (place / "work" / "local" / "resources.json").write_text(json.dumps(ALLOWED))
    words = [job, "-w", place / "work", "-c", ",".join(sites), "-t", len(sites)]
    program = [sys.executable, "-m", "nvflare.private.fed.app.simulator.simulator"]
    return subprocess.run(
        [*program, *map(str, words)], cwd=place, env={**os.environ, **environment},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("run", RUNS, ids="-".join)
def test_three_rounds_end_bit_for_bit_where_in_process_ends(tmp_path, run):
    write_site_files(tmp_path / "data")
    coordinator, guard = tmp_path / "coordinator", Guard(tmp_path / "names.txt")
    coordinator.mkdir()
    words = [*run, "test.saved_volumes=0"]
    remote = ["engine=nvflare", f"engine.federation={coordinator}"]
    setup = check_config(compose_config("train", [*WORDS, *remote, *words]))
    name_of_job = write_job(
        coordinator, CoordinatorJob(dict(setup.config), str(tmp_path / "run"), False)
    )
    job = tmp_path / f"flmrcm-{name_of_job}"
    write_job_folder(
        job, name_of_job, dump_config(select_travelling_config(setup.config)), setup.sites
    )
    own = {
        COORDINATOR: str(coordinator), "OMP_NUM_THREADS": "1",
        SITE_FILE: str(tmp_path / "data" / "site_files" / "{site}" / "site.yaml"),
    }  # fmt: skip
    done = simulated(tmp_path, job, sorted(setup.sites), **guard.environment, **own)
    assert read_outcome(coordinator, name_of_job) == "", done.stderr
    ended = read_checkpoint(tmp_path / "run" / "checkpoints" / "last.pt")
    here = end_local(tmp_path / "here", tmp_path / "data", *words)
    assert equal(ended.weights, here.weights)
    assert ended.memory == here.memory
    assert guard.names == []
