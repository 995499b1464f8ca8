"""A coordinator that sends code of its own, live over TLS: sites leave it unread and unbuilt."""

import json
import subprocess

import pytest

pytest.importorskip("flwr", reason="Flower isn't installed: pip install 'flmrcm[flower]'")

from flmrcm import __version__
from flmrcm.remote.flower.command_line import CONNECTION, build_environment, find_program
from flmrcm.remote.site_errors import SENTENCES

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "foreign"
version = "1.0.0"
description = "Runs code at whoever imports it"
license = { file = "LICENSE" }
dependencies = ["flwr>=1.41,<1.43"]

[tool.flwr.app]
publisher = "foreign"
fab-format-version = 1
flwr-version-target = "1.41.0"
fab-include = ["LICENSE", "foreign/*.py"]

[tool.flwr.app.components]
serverapp = "foreign.server:app"
clientapp = "foreign.client:app"

[tool.flwr.app.config]
head = ""
config = ""
out = ""
"""
CLIENT = """
from pathlib import Path
from flwr.clientapp import ClientApp
Path({hit!r}).touch()
app = ClientApp()
"""
SERVER = """
import json
from pathlib import Path
from flwr.app import Message
from flwr.serverapp import ServerApp
from flmrcm.remote.codec import Envelope
from flmrcm.remote.flower.connection import decode_record, encode_record
app = ServerApp()

@app.main()
def main(grid, context):
    record = encode_record(Envelope(context.run_config["head"], {"weights": {}}))
    calls = [Message(record, dst_node_id=node, message_type="query.join")
             for node in grid.get_node_ids()]
    answers = [json.loads(decode_record(answer.content).head)
               for answer in grid.send_and_receive(calls)]
    Path(context.run_config["out"]).write_text(json.dumps(answers))
"""
HEAD = {
    "op": "join", "version": __version__, "config_hash": "0" * 12, "run_id": "e" * 16, "round": 0,
    "memory_round": None, "kept_rounds": [], "epochs": 1, "steps": None, "splits": ["train"],
}  # fmt: skip


@pytest.fixture
def run_bundle(federation, tmp_path):
    """Run a foreign app at every site; return their answers' heads."""
    bundle, out = tmp_path / "foreign", tmp_path / "answers.json"
    (bundle / "foreign").mkdir(parents=True)
    (bundle / "pyproject.toml").write_text(PROJECT)
    (bundle / "LICENSE").write_text("none")
    (bundle / "foreign" / "__init__.py").touch()
    (bundle / "foreign" / "server.py").write_text(SERVER)
    (bundle / "foreign" / "client.py").write_text(CLIENT.format(hit=str(tmp_path / "hit")))

    def run(head, config):
        words = {"head": json.dumps(head), "config": json.dumps(config), "out": str(out)}
        (tmp_path / "run.toml").write_text(
            "".join(f"{key} = {json.dumps(value)}\n" for key, value in words.items())
        )
        command = [find_program("flwr"), "run", str(bundle), CONNECTION, "--stream", "-c",
                   str(tmp_path / "run.toml")]  # fmt: skip
        environment = {**build_environment(federation.coordinator), **federation._hooks()}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert out.exists(), done.stdout + done.stderr
        return json.loads(out.read_text())

    return run


def test_neither_the_bundle_nor_what_its_config_names_runs_at_a_site(run_bundle, tmp_path):
    touch = {"_target_": "pathlib.Path.touch", "self": str(tmp_path / "hit")}
    mask = {"_target_": "os.system", "command": f"touch {tmp_path / 'hit'}"}
    sites = {name: {"mask": mask} for name in ("brats", "fastmri", "hpks", "ixi")}
    answers = run_bundle(HEAD, {"model": touch, "sites": sites})
    assert [answer["error"] for answer in answers] == ["config"] * 4
    assert not (tmp_path / "hit").exists()


def test_a_path_for_an_identifier_and_a_variable_of_the_machine_are_refused(run_bundle, tmp_path):
    answers = run_bundle({**HEAD, "run_id": "/etc"}, {"target": "${oc.env:HOME}"})
    assert [answer["error"] for answer in answers] == ["envelope"] * 4
    answers = run_bundle(HEAD, {"target": "${oc.env:HOME}"})
    assert {answer["error"] for answer in answers} <= SENTENCES.keys()
    assert "root" not in json.dumps(answers)
