"""NVFlare's simulator runs the job of a deployment: same doors, same letters, same weights."""

import json
import os
import subprocess
import sys

import pytest

pytest.importorskip("flwr", reason="see `make test-deployment`")
pytest.importorskip("nvflare", reason="NVFlare isn't installed: pip install 'flmrcm[nvflare]'")

from kits.deployed_sites import WORDS, ended_here, write_site_files
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
    """Runs a job in the simulator, a process for each site."""
    (place / "work" / "local").mkdir(parents=True)
    (place / "work" / "local" / "resources.json").write_text(json.dumps(ALLOWED))
    words = [job, "-w", place / "work", "-c", ",".join(sites), "-t", len(sites)]
    program = [sys.executable, "-m", "nvflare.private.fed.app.simulator.simulator"]
    return subprocess.run(
        [*program, *map(str, words)], cwd=place, env={**os.environ, **environment},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["fl_mr", "fl_mrcm_latent", "scaffold"])
def test_three_rounds_end_bit_for_bit_where_in_process_ends(tmp_path, name):
    write_site_files(tmp_path / "data")
    coordinator, guard = tmp_path / "coordinator", Guard(tmp_path / "asked.txt")
    coordinator.mkdir()
    words = [f"strategy={name}", "test.saved_volumes=0"]
    abroad = ["engine=nvflare", f"engine.federation={coordinator}"]
    parts = check_config(compose_config("train", [*WORDS, *abroad, *words]))
    asked = write_job(coordinator, CoordinatorJob(dict(parts.config), str(tmp_path / "run"), False))
    job = tmp_path / f"flmrcm-{asked}"
    write_job_folder(job, asked, dump_config(select_travelling_config(parts.config)), parts.sites)
    own = {
        COORDINATOR: str(coordinator), "OMP_NUM_THREADS": "1",
        SITE_FILE: str(tmp_path / "data" / "site_files" / "{site}" / "site.yaml"),
    }  # fmt: skip
    done = simulated(tmp_path, job, sorted(parts.sites), **guard.environment, **own)
    assert read_outcome(coordinator, asked) == "", done.stderr
    abroad_ended = read_checkpoint(tmp_path / "run" / "checkpoints" / "last.pt")
    here = ended_here(tmp_path / "here", tmp_path / "data", *words)
    assert equal(abroad_ended.weights, here.weights)
    assert abroad_ended.memory == here.memory
    assert guard.asked == []
