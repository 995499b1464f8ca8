"""A config that travels: it holds what changes the numbers, and no place of anybody's."""

import json

import pytest

from flmrcm.assembly.abroad import as_text, experiment_of, travel_hash, travelling, without_places
from flmrcm.assembly.checking import plain
from flmrcm.assembly.compose import composed


def travels(*words):
    cfg = composed("train", ["sites=bfhi", "data_dir=/secret", "target=brats", *words])
    return travelling({**plain(cfg), "participants": ["brats", "ixi"], "target": "brats"})


def test_no_place_travels():
    words = ["sites.ixi.policy=/secret/policy.yaml", "init_from=/secret/weights.pt"]
    assert "/secret" not in as_text(travels(*words))
    assert "simulated" not in as_text(travels(*words))


def test_generators_stay_at_home_too():
    cfg = composed("train", ["sites=simulated"])
    text = as_text(travelling({**plain(cfg), "participants": ["sim_b"], "target": "sim_h"}))
    assert "generator" in text
    assert "SimulatedSite" not in text


def test_the_hash_is_that_of_the_values_whatever_the_order_of_keys():
    sent = travels()
    received = json.loads(as_text(sent))
    assert travel_hash(received) == travel_hash(sent)


@pytest.mark.parametrize("word", ["seed=2", "local.epochs=3", "engine.wire=bf16"])
def test_what_changes_numbers_changes_the_hash(word):
    near = [f"+{word}" if word.startswith("engine") else word]
    assert travel_hash(travels(*near)) != travel_hash(travels())


def test_more_rounds_are_the_same_experiment_and_another_folder_is_another():
    assert experiment_of(travels(), "run") == experiment_of(travels("rounds=80"), "run")
    assert experiment_of(travels(), "run") != experiment_of(travels(), "other")
    assert experiment_of(travels(), "run") != experiment_of(travels("seed=2"), "run")


def test_places_are_dropped_from_a_coordinators_config():
    cfg = without_places(composed("train", ["sites=simulated", "data_dir=/secret"]))
    assert {node.root for node in cfg.sites.values()} == {"at the site"}
    assert cfg.data_dir is None
