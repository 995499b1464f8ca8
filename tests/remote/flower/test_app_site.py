"""A site's daemon: it answers one caller after another, and none without its key."""

import json
import stat
import time
from contextlib import suppress
from multiprocessing.connection import Client
from pathlib import Path
from threading import Thread

import pytest

pytest.importorskip("flwr", reason="Flower isn't installed: pip install 'flmrcm[flower]'")

from flwr.app import ConfigRecord, RecordDict

from flmrcm.remote.flower.app import site as site_app
from flmrcm.remote.flower.app.site import answer_message
from flmrcm.remote.flower.command_line import DAEMON


def build_record(text):
    return RecordDict({"message": ConfigRecord({"text": text})})


def read_text(record):
    return record["message"]["text"]


@pytest.fixture
def site_file(tmp_path, monkeypatch):
    """The file of a site whose daemon answers with its name, and ends when the text is "end"."""

    def answer_as(name):
        def handle(record, config):
            if read_text(record) == "end":
                raise SystemExit
            if read_text(record) == "fail":
                raise ValueError("odd")
            return build_record(f"{name} to {read_text(record)}")

        return lambda _: handle

    path = tmp_path / "site.yaml"
    monkeypatch.setattr(site_app, "build_handler", answer_as("daemon"))

    def serves():
        with suppress(SystemExit):
            site_app.serve_forever(path)

    thread = Thread(target=serves)
    thread.start()
    while not (tmp_path / DAEMON).exists():
        time.sleep(0.01)
    place = (tmp_path / DAEMON).read_text()
    monkeypatch.setattr(site_app, "build_handler", answer_as("process"))
    yield path
    (tmp_path / DAEMON).write_text(place)
    with pytest.raises(SystemExit):
        answer_message(path, build_record("end"), "{}")
    thread.join(10)
    assert not thread.is_alive()


def call(site_file, text):
    return read_text(answer_message(site_file, build_record(text), "{}"))


def change_address(site_file, **values):
    path = site_file.parent / DAEMON
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_one_caller_after_another_is_answered(site_file):
    assert [call(site_file, text) for text in "ab"] == ["daemon to a", "daemon to b"]


def test_two_callers_at_once_are_both_answered(site_file):
    answers = []
    callers = [Thread(target=lambda t=t: answers.append(call(site_file, t))) for t in "ab"]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(10)
    assert sorted(answers) == ["daemon to a", "daemon to b"]


def test_a_caller_without_the_key_is_refused_and_answers_itself(site_file):
    place = (site_file.parent / DAEMON).read_text()
    change_address(site_file, key="00" * 32)
    assert call(site_file, "a") == "process to a"
    (site_file.parent / DAEMON).write_text(place)
    assert call(site_file, "b") == "daemon to b"


def test_after_a_caller_that_disconnects_the_next_is_answered(site_file):
    place = json.loads((site_file.parent / DAEMON).read_text())
    for words in ([], [(build_record("a"), "{}")]):  # before its call, and before the answer
        with Client(place["address"], "AF_UNIX", bytes.fromhex(place["key"])) as caller:
            for word in words:
                caller.send(word)
    assert call(site_file, "b") == "daemon to b"


def test_a_failed_call_does_not_end_the_daemon(site_file):
    with pytest.raises(ValueError, match="odd"):  # from the process itself, for Flower to report
        call(site_file, "fail")
    assert call(site_file, "b") == "daemon to b"


def test_without_a_daemon_the_process_answers_itself(site_file):
    change_address(site_file, address="/nowhere/socket")
    assert call(site_file, "a") == "process to a"


def test_only_the_sites_user_may_read_the_key_and_reach_the_socket(site_file):
    path = site_file.parent / DAEMON
    socket = Path(json.loads(path.read_text())["address"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
