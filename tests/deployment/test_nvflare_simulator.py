"""NVFlare's simulator runs the job of a deployment: same doors, same letters, same weights."""

import json
import os
import subprocess
import sys

import pytest

pytest.importorskip("flwr", reason="see `make test-deployment`")
pytest.importorskip("nvflare", reason="NVFlare isn't installed: pip install 'flmrcm[nvflare]'")

from guard_kit import Guard
from houses_kit import WORDS, ended_here, write_houses
from laws_kit import equal

from flmrcm.assembly.abroad import as_text, travelling
from flmrcm.assembly.compose import composed
from flmrcm.assembly.federation import check
from flmrcm.deployment.nvflare_home import HOUSE, SERVER_SIDE, SITE_SIDE, write_job
from flmrcm.deployment.places import COORDINATOR
from flmrcm.federation.checkpoint import read_checkpoint
from flmrcm.runs.job import Job, outcome, put_job

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
    write_houses(tmp_path / "data")
    coordinator, guard = tmp_path / "coordinator", Guard(tmp_path / "asked.txt")
    coordinator.mkdir()
    words = [f"strategy={name}", "test.saved_volumes=0"]
    abroad = ["engine=nvflare", f"engine.federation={coordinator}"]
    parts = check(composed("train", [*WORDS, *abroad, *words]))
    asked = put_job(coordinator, Job(dict(parts.config), str(tmp_path / "run"), False))
    job = tmp_path / f"flmrcm-{asked}"
    write_job(job, asked, as_text(travelling(parts.config)), parts.sites)
    own = {
        COORDINATOR: str(coordinator), "OMP_NUM_THREADS": "1",
        HOUSE: str(tmp_path / "data" / "houses" / "{site}" / "site.yaml"),
    }  # fmt: skip
    done = simulated(tmp_path, job, sorted(parts.sites), **guard.environment, **own)
    assert outcome(coordinator, asked) == "", done.stderr
    abroad_ended = read_checkpoint(tmp_path / "run" / "checkpoints" / "last.pt")
    here = ended_here(tmp_path / "here", tmp_path / "data", *words)
    assert equal(abroad_ended.weights, here.weights)
    assert abroad_ended.memory == here.memory
    assert guard.asked == []
