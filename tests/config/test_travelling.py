"""A config that travels: it holds all that changes the numbers, and no path."""

import json

import pytest

from flmrcm.config.build import to_plain
from flmrcm.config.compose import compose_config
from flmrcm.config.travelling import (
    build_run_id,
    dump_config,
    hash_travelling_config,
    remove_data_paths,
    select_travelling_config,
)


def travels(*words):
    cfg = compose_config("train", ["sites=bfhi", "data_dir=/secret", "target=brats", *words])
    return select_travelling_config(
        {**to_plain(cfg), "participants": ["brats", "ixi"], "target": "brats"}
    )


def test_no_path_travels():
    words = ["sites.ixi.policy=/secret/policy.yaml", "init_from=/secret/weights.pt"]
    assert "/secret" not in dump_config(travels(*words))
    assert "simulated" not in dump_config(travels(*words))


def test_generators_do_not_travel():
    cfg = compose_config("train", ["sites=simulated"])
    text = dump_config(
        select_travelling_config({**to_plain(cfg), "participants": ["sim_b"], "target": "sim_h"})
    )
    assert "generator" in text
    assert "SimulatedSite" not in text


def test_the_hash_is_that_of_the_values_whatever_the_order_of_keys():
    sent = travels()
    received = json.loads(dump_config(sent))
    assert hash_travelling_config(received) == hash_travelling_config(sent)


@pytest.mark.parametrize("word", ["seed=2", "local.epochs=3", "middleware.wire.kind=bf16"])
def test_what_changes_numbers_changes_the_hash(word):
    near = [word]
    assert hash_travelling_config(travels(*near)) != hash_travelling_config(travels())


def test_more_rounds_are_the_same_experiment_and_another_folder_is_another():
    assert build_run_id(travels(), "run") == build_run_id(travels("rounds=80"), "run")
    assert build_run_id(travels(), "run") != build_run_id(travels(), "other")
    assert build_run_id(travels(), "run") != build_run_id(travels("seed=2"), "run")


def test_paths_are_dropped_from_a_coordinators_config():
    cfg = remove_data_paths(compose_config("train", ["sites=simulated", "data_dir=/secret"]))
    assert {node.root for node in cfg.sites.values()} == {"at the site"}
    assert cfg.data_dir is None
