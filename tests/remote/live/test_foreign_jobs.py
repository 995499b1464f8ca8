"""Users who may start jobs over NVFlare can send no code and start no class but ours."""

import json
import time

import pytest

pytest.importorskip("flwr", reason="see `make test-deployment`")
pytest.importorskip("nvflare", reason="see `make test-deployment`")

from flmrcm.remote.nvflare.session import open_session, write_job_folder

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore"),  # of NVFlare's session, which lives in this process
]


def ended(federation, job):
    """Submit a job; return its final status, and the parties' reports on its deployment."""
    with open_session(federation.coordinator) as session:
        number = session.submit_job(str(job))
        while True:
            meta = session.get_job_meta(number)
            if meta["status"].startswith("FINISHED"):
                return meta["status"], " ".join(meta.get("job_deploy_detail", []))
            time.sleep(0.5)


@pytest.fixture
def job(tmp_path):
    write_job_folder(tmp_path / "job", "none", "{}", ["brats", "ixi"])
    return tmp_path / "job"


def test_a_job_with_code_is_refused(over_nvflare, job):
    (job / "app" / "custom").mkdir()
    (job / "app" / "custom" / "foreign.py").write_text("")
    status, reports = ended(over_nvflare, job)
    assert status == "FINISHED:FAILED_TO_RUN"
    assert "BYOC not permitted" in reports


def test_a_site_loads_no_class_but_ours(over_nvflare, job):
    path = job / "app" / "config" / "config_fed_client.json"
    config = json.loads(path.read_text())
    config["components"][0] = {"id": "site", "path": "pathlib.Path", "args": {}}
    path.write_text(json.dumps(config))
    assert ended(over_nvflare, job)[0] == "FINISHED:ABNORMAL"
    log = (over_nvflare.party("ixi") / "log.txt").read_text()
    assert "Component 'pathlib.Path' at config path 'components.#1' is not in allow_list" in log
