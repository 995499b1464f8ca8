"""Identifiers are identifiers, interpolations are never resolved, and errors repeat nothing."""

import json

import pytest

from flmrcm.remote.codec import Envelope
from flmrcm.remote.site_errors import SENTENCES, describe_kind

SECRET = "4711-of-the-environment"


@pytest.mark.parametrize(
    "changes",
    [
        {"run_id": "/abs/path"},
        {"run_id": "../../x"},
        {"run_id": "e" * 15},
        {"run_id": "e" * 16 + "/../x"},
        {"kept_rounds": ["../x"]},
        {"memory_round": "../../x"},
        {"round": -1},
        {"round": 10**30},
        {"splits": ["../train"]},
        {"op": "delete"},
        {"epochs": 10**30},
        {"steps": 0},
    ],
    ids=str,
)
def test_a_word_that_is_no_identifier_is_refused_and_leaves_no_file(
    knock, call, config, tmp_path, changes
):
    envelope = call()
    head = json.dumps({**json.loads(envelope.head), **changes})
    assert knock(Envelope(head, {"weights": {}}), json.dumps(config))["error"] == "envelope"
    assert not (tmp_path / "runs").exists()
    assert not (tmp_path / "memory").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"contrast": "../../etc"},
        {"contrast": "/etc"},
        {"sites": {"ixi": {"contrast": "../x"}}},
        {"sites": {"ixi": {}, "../../x": {}}},
        {"sites": {"ixi": {}, "": {}}},
        {"data_dir": "/etc"},
        {"init_from": "/etc/passwd"},
        {"resume": "/etc"},
        {"searchpath": ["/tmp"]},
        {"target": f"${{oc.env:{SECRET}}}"},
        {"model": {"_target_": "${oc.env:HOME}"}},
    ],
    ids=str,
)
def test_a_path_or_an_interpolation_in_a_config_is_refused(knock, call, config, change):
    assert knock(call(), json.dumps({**config, **change}))["error"] == "config"


@pytest.mark.parametrize("text", ["", "[", "[]", "null", "7", '"x"', "[" * 100_000, "NaN"])
def test_a_config_that_is_none_is_one_word(knock, call, text):
    assert knock(call(), text)["error"] in ("envelope", "failed")


def test_where_a_sites_data_lie_is_never_the_coordinators_word(knock, call, config, tmp_path):
    node = {**config["sites"]["ixi"], "root": "/etc", "files": "../{split}/*.h5", "slices": [0, 1]}
    changed = {**config, "sites": {**config["sites"], "ixi": node}}
    head = knock(call(), json.dumps(changed))
    # another config than the coordinator's hash says, or the site's own data: never /etc
    assert head["error"] == "config_hash"


def test_no_error_repeats_a_word_of_the_config_or_of_the_machine(
    knock, call, config, monkeypatch, tmp_path
):
    monkeypatch.setenv("SECRET", SECRET)
    for value in ("${oc.env:SECRET}", f"{tmp_path}/policy.yaml", "odd-value-of-mine"):
        for key in ("target", "seed", "contrast", "model", "strategy", "participants", "mask"):
            head = knock(call(), json.dumps({**config, key: value}))
            assert head["error"] in SENTENCES
            for word in (SECRET, str(tmp_path), "odd-value-of-mine"):
                assert word not in json.dumps(head)


def test_a_coordinator_shows_a_sentence_of_its_own_for_any_word():
    assert describe_kind("ixi", 3, "data").startswith("site ixi, round 3: its data aren't")
    assert describe_kind("ixi", 3, "\x1b[31m/secret") == describe_kind("ixi", 3, "failed")


def test_every_failure_is_in_the_sites_ledger(knock, call, config, tmp_path):
    knock(call(op="survey"), json.dumps(config))
    knock(call(), json.dumps({**config, "target": "${oc.env:HOME}"}))
    (path,) = (tmp_path / "runs").rglob("ledger.csv")
    rows = [row.split(",") for row in path.read_text().splitlines()]
    assert [row[5] for row in rows if row[4] == "errors"] == ["operation", "config"]
