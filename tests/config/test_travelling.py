"""A config that travels: it holds all that changes the numbers, and no path."""

import json

import pytest

from flmrcm.config.allow_list import AllowList
from flmrcm.config.build import to_plain
from flmrcm.config.compose import compose_config, list_options
from flmrcm.config.travelling import (
    TRAVELLING_GROUPS,
    accept_travelling_config,
    build_run_id,
    dump_config,
    find_site_words,
    hash_travelling_config,
    remove_data_paths,
    select_travelling_config,
)
from flmrcm.errors import SiteRefuses


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
    assert "sim_b" in text
    assert "SimulatedSite" not in text


def test_the_hash_is_that_of_the_values_whatever_the_order_of_keys():
    sent = travels()
    received = json.loads(dump_config(sent))
    assert hash_travelling_config(received) == hash_travelling_config(sent)


@pytest.mark.parametrize(
    "word",
    ["seed=2", "local.epochs=3", "maps=espirit", "middleware.wire.kind=bf16", "privacy=dp_site",
     "local.accumulate=2", "local.schedule=cosine", "augmentation=flips", "loss=sum"],
)  # fmt: skip
def test_what_changes_numbers_changes_the_hash(word):
    near = [word]
    assert hash_travelling_config(travels(*near)) != hash_travelling_config(travels())


def test_what_the_server_alone_does_travels_nowhere():
    assert travels("ema.decay=0.9", "early_stopping.patience=2") == travels()


def test_runs_from_before_there_was_augmentation_keep_their_identifier():
    assert "augmentation" not in travels()


def test_more_rounds_are_the_same_experiment_and_another_folder_is_another():
    assert build_run_id(travels(), "run") == build_run_id(travels("rounds=80"), "run")
    assert build_run_id(travels(), "run") != build_run_id(travels(), "other")
    assert build_run_id(travels(), "run") != build_run_id(travels("seed=2"), "run")


def test_paths_are_dropped_from_a_coordinators_config():
    cfg = remove_data_paths(compose_config("train", ["sites=simulated", "data_dir=/secret"]))
    assert {node.root for node in cfg.sites.values()} == {"at the site"}
    assert cfg.data_dir is None


LIST = AllowList(groups=TRAVELLING_GROUPS)


@pytest.mark.parametrize(
    "word",
    [f"{group}={name}" for group in TRAVELLING_GROUPS[:2] for name in list_options(group)]
    + [
        f"{group}={name}"
        for group in ("strategy", "maps", "loss", "augmentation")
        for name in list_options(group)
    ]
    + ["local.optimizer._target_=torch.optim.AdamW", "+mask@sites.ixi.mask=equispaced"],
)
def test_a_site_takes_whatever_the_installed_groups_describe(word):
    received = json.loads(dump_config(travels(word)))
    accepted = accept_travelling_config(received, "ixi", LIST)
    assert accepted["model"] == received["model"]
    assert accepted.get("augmentation") == received.get("augmentation")
    assert accepted["sites"]["ixi"].get("mask") == received["sites"]["ixi"].get("mask")


def test_of_other_sites_only_names_are_taken():
    received = travels("+mask@sites.brats.mask=equispaced", "sites.brats.contrast=T2")
    accepted = accept_travelling_config(received, "ixi", LIST)
    assert accepted["sites"].keys() == received["sites"].keys()
    assert "mask" not in accepted["sites"]["brats"]


def test_where_data_lie_and_which_are_given_does_not_travel():
    words = ["sites.ixi.files=../{split}/*.h5", "sites.ixi.slices=[0,1]", "val_sample_rate=0.5"]
    assert {*travels(*words)["sites"]["ixi"]} <= {"root", "contrast", "coils", "mask"}
    assert "val_sample_rate" not in travels(*words)


@pytest.mark.parametrize(
    "word",
    ["sites.ixi.slices=[0,1]", "sites.ixi.foreground=0.1", "sites.ixi.sample_rate=0.5",
     "sites.ixi.phase_encoding=rows", "val_sample_rate=0.5", "data.skip_broken=true"],
)  # fmt: skip
def test_a_coordinators_words_for_what_a_site_gives_are_a_line_each(word):
    cfg = compose_config("train", ["sites=bfhi", "data_dir=/x", word])
    (line,) = find_site_words(cfg)
    assert line.startswith(word.split("=")[0])
    assert "site.yaml" in line


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"hydra": {}}, "config"),
        ({"init_from": "/etc/passwd"}, "config"),
        ({"target": "${oc.env:SECRET}"}, "config"),
        ({"contrast": "../other"}, "config"),
        ({"sites": {"ixi": {"root": "x", "contrast": "../../x"}}}, "config"),
        ({"sites": {"ixi": {}, "../../x": {}}}, "config"),
        ({"sites": {"ixi": {"mask": {"_target_": "shutil.copyfile"}}}}, "config"),
        ({"sites": {"brats": {"mask": {"_target_": "shutil.copyfile"}}}}, "config"),
        ({"sites": ["ixi"]}, "config"),
        ({"sites": {}}, "unknown_site"),
        ({"model": {"_target_": "flmrcm.simulation.mni152.Mni152", "cache": "/x"}}, "config"),
        ({"engine": {"_target_": "subprocess.run"}}, "config"),
        ({"compute": {"_target_": "os.system"}}, "config"),
    ],
    ids=str,
)
def test_a_config_with_anything_else_is_refused_before_it_is_built(change, kind):
    with pytest.raises(SiteRefuses) as caught:
        accept_travelling_config({**travels(), **change}, "ixi", LIST)
    assert caught.value.kind == kind


def test_of_device_and_data_only_what_changes_numbers_is_taken():
    sent = travels()
    sent["compute"] = {**sent["compute"], "workers": 9, "accelerator": "gpu"}
    sent["data"] = {**sent["data"], "skip_broken": True}
    accepted = accept_travelling_config(sent, "ixi", LIST)
    assert accepted["compute"] == travels()["compute"]
    assert accepted["data"] == travels()["data"]
