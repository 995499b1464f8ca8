"""A site's resident process: it answers one caller after another, and nobody without its key."""

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

from flmrcm.remote.flower import daemon
from flmrcm.remote.flower.daemon import answer_message


def said(text):
    return RecordDict({"said": ConfigRecord({"text": text})})


def heard(record):
    return record["said"]["text"]


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A house whose resident answers with its name, and ends when it's told to."""

    def answers(name):
        def answer(record, config):
            if heard(record) == "end":
                raise SystemExit
            if heard(record) == "fail":
                raise ValueError("odd")
            return said(f"{name} to {heard(record)}")

        return lambda _: answer

    path = tmp_path / "site.yaml"
    monkeypatch.setattr(daemon, "build_handler", answers("resident"))

    def serves():
        with suppress(SystemExit):
            daemon.serve_forever(path)

    thread = Thread(target=serves)
    thread.start()
    while not (tmp_path / "resident.json").exists():
        time.sleep(0.01)
    place = (tmp_path / "resident.json").read_text()
    monkeypatch.setattr(daemon, "build_handler", answers("stand-in"))
    yield path
    (tmp_path / "resident.json").write_text(place)
    with pytest.raises(SystemExit):
        answer_message(path, said("end"), {})
    thread.join(10)
    assert not thread.is_alive()


def asked(house, text):
    return heard(answer_message(house, said(text), {}))


def changed(house, **values):
    path = house.parent / "resident.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_one_caller_after_another_is_answered(house):
    assert [asked(house, text) for text in "ab"] == ["resident to a", "resident to b"]


def test_two_callers_at_once_are_both_answered(house):
    answers = []
    callers = [Thread(target=lambda t=t: answers.append(asked(house, t))) for t in "ab"]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(10)
    assert sorted(answers) == ["resident to a", "resident to b"]


def test_a_caller_without_the_key_is_refused_and_serves_itself(house):
    place = (house.parent / "resident.json").read_text()
    changed(house, key="00" * 32)
    assert asked(house, "a") == "stand-in to a"
    (house.parent / "resident.json").write_text(place)
    assert asked(house, "b") == "resident to b"


def test_a_caller_that_goes_away_leaves_the_next_its_turn(house):
    place = json.loads((house.parent / "resident.json").read_text())
    for words in ([], [(said("a"), {})]):  # before it has asked, and before it's answered
        with Client(place["address"], "AF_UNIX", bytes.fromhex(place["key"])) as door:
            for word in words:
                door.send(word)
    assert asked(house, "b") == "resident to b"


def test_a_call_that_fails_costs_the_resident_nothing(house):
    with pytest.raises(ValueError, match="odd"):  # the stand-in's, for Flower to tell
        asked(house, "fail")
    assert asked(house, "b") == "resident to b"


def test_a_resident_that_is_gone_is_stood_in_for(house):
    changed(house, address="/nowhere/door")
    assert asked(house, "a") == "stand-in to a"


def test_only_the_sites_user_may_read_the_key_and_reach_the_door(house):
    path = house.parent / "resident.json"
    door = Path(json.loads(path.read_text())["address"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(door.parent.stat().st_mode) == 0o700
