"""A run handed over to NVFlare: its output is shown, and its end is reported."""

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from flmrcm.errors import FlmrcmError, SiteFailed
from flmrcm.remote.nvflare import launcher
from flmrcm.remote.nvflare.launcher import NVFlareLauncher
from flmrcm.remote.requests import ENDED, OUTPUT, JobRequest, job_file

REQUEST = JobRequest("job", "{}", frozenset({"north", "south"}), 0)


class Server:
    """A session with a server that takes one job."""

    def __init__(self, status, connected=("north", "south")):
        self.status, self.connected = status, connected
        self.aborted, self.deployed = [], ""

    def get_system_info(self):
        return SimpleNamespace(client_info=[SimpleNamespace(name=n) for n in self.connected])

    def submit_job(self, folder):
        self.deployed = (Path(folder) / "meta.json").read_text()
        return "number"

    def get_job_meta(self, number):
        if isinstance(self.status, BaseException):
            raise self.status
        return {"status": self.status}

    def abort_job(self, number):
        self.aborted.append(number)


@pytest.fixture
def hand_over(tmp_path, monkeypatch):
    """Return a function that hands a run over to a server."""
    job_file(tmp_path, "job", OUTPUT).parent.mkdir()
    monkeypatch.setattr(launcher, "_POLL", 0)
    monkeypatch.setattr(launcher, "_CHECK_EVERY", 0)

    def to(server, text="", ended=None):
        job_file(tmp_path, "job", OUTPUT).write_text(text)
        if ended is not None:
            job_file(tmp_path, "job", ENDED).write_text(ended)
        monkeypatch.setattr(launcher, "open_session", lambda _: nullcontext(server))
        NVFlareLauncher(tmp_path).submit(REQUEST)

    return to


def test_the_runs_output_is_shown_in_whole_lines(hand_over, capsys):
    hand_over(Server("RUNNING"), "round 1 of 2\nround 2 of 2\nhalf a li", ended="")
    assert capsys.readouterr().out == "round 1 of 2\nround 2 of 2\n"


def test_a_job_goes_to_those_that_are_connected(hand_over):
    server = Server("RUNNING", connected=("south", "elsewhere"))
    hand_over(server, ended="")
    assert '"south"' in server.deployed
    assert "north" not in server.deployed
    assert "elsewhere" not in server.deployed


def test_with_nobody_connected_there_is_no_job(hand_over):
    server = Server("RUNNING", connected=())
    with pytest.raises(SiteFailed, match=r"no site is connected \(waited 0 s\)"):
        hand_over(server)
    assert server.deployed == ""


def test_a_job_that_nvflare_ended_is_reported_with_its_status_and_the_log(hand_over):
    with pytest.raises(FlmrcmError, match=r"NVFlare ended the job \(FINISHED:ABNORMAL\); .*log\.t"):
        hand_over(Server("FINISHED:ABNORMAL"))


def test_without_a_server_nothing_is_waited_for(hand_over):
    hand_over(Server(RuntimeError("no connection")), "joined: north\n")


def test_ctrl_c_ends_the_job_too(hand_over):
    server = Server(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        hand_over(server)
    assert server.aborted == ["number"]
