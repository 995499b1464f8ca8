"""A run handed over to NVFlare: what it says is shown, and how it ended is told apart."""

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from flmrcm.errors import FlmrcmError, SiteFailed
from flmrcm.remote.nvflare import launcher
from flmrcm.remote.nvflare.launcher import NVFlareLauncher
from flmrcm.remote.requests import ENDED, OUTPUT, JobRequest, job_file

ERRAND = JobRequest("job", "{}", frozenset({"north", "south"}), 0)


class Server:
    """A session with a server that takes one job, and what happens to it meanwhile."""

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
    """Hands a run over to a server; gives nothing, or what was raised."""
    job_file(tmp_path, "job", OUTPUT).parent.mkdir()
    monkeypatch.setattr(launcher, "_POLL", 0)
    monkeypatch.setattr(launcher, "_ASKS_AGAIN", 0)

    def to(server, said="", ended=None):
        job_file(tmp_path, "job", OUTPUT).write_text(said)
        if ended is not None:
            job_file(tmp_path, "job", ENDED).write_text(ended)
        monkeypatch.setattr(launcher, "open_session", lambda _: nullcontext(server))
        NVFlareLauncher(tmp_path).submit(ERRAND)

    return to


def test_what_the_run_says_is_shown_in_whole_lines(hand_over, capsys):
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


def test_a_job_that_nvflare_ended_is_told_with_its_word_and_where_to_look(hand_over):
    with pytest.raises(FlmrcmError, match=r"NVFlare ended the job \(FINISHED:ABNORMAL\); .*log\.t"):
        hand_over(Server("FINISHED:ABNORMAL"))


def test_a_server_that_is_gone_ends_the_watching(hand_over):
    hand_over(Server(RuntimeError("no connection")), "joined: north\n")


def test_ctrl_c_ends_the_job_too(hand_over):
    server = Server(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        hand_over(server)
    assert server.aborted == ["number"]
