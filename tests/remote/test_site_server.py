"""Calls at a site: its policy decides, versions are compared, and no file is named outside."""

import json
from dataclasses import asdict, replace

import h5py
import numpy as np
import pytest
import yaml
from kits.called_site import CONFIG, JOIN, NOTHING, SAVING, TRAIN, weights
from kits.factories import write_site

from flmrcm.config.allow_list import AllowList
from flmrcm.config.build import to_plain
from flmrcm.config.compose import compose_config
from flmrcm.config.travelling import (
    TRAVELLING_GROUPS,
    accept_travelling_config,
    dump_config,
    hash_travelling_config,
)
from flmrcm.errors import NonFiniteLossError, SiteRefuses
from flmrcm.middleware.ledger import LEDGER, Ledger
from flmrcm.remote.codec import Envelope
from flmrcm.remote.site_server import SiteServer
from flmrcm.remote.site_settings import read_site_settings


def test_a_joining_site_sends_numbers_and_no_name(server):
    response = server.handle(JOIN, NOTHING, CONFIG)
    facts = response.facts
    assert (facts.n_examples, facts.n_batches) == (3, 2)
    assert tuple(facts.splits) == ("train", "val", "test")
    assert facts.sizes == {"train": [(16, 16)]}
    assert response.reply.error is None


def test_a_site_tells_which_of_its_splits_lack_targets_and_tests_them_unscored(server, tmp_path):
    with h5py.File(tmp_path / "mri" / "T1" / "test" / "test_0.h5", "a") as file:
        del file["reconstruction_esc"]
    for path in (tmp_path / "mri" / "T1" / "val").iterdir():
        with h5py.File(path, "a") as file:
            del file["reconstruction_esc"]
    config = {**CONFIG, "mask": {"_target_": "flmrcm.mri.masks.FileMask"}}
    call = replace(JOIN, config_hash=hash_travelling_config(config))
    facts = server.handle(call, NOTHING, config).facts
    assert (tuple(facts.incomplete), tuple(facts.unscored)) == (("val", "test"), ("val",))
    assert (facts.has("val"), facts.scores("val"), facts.scores("test")) == (True, False, True)
    reply = server.handle(replace(call, op="test"), weights(), config).reply
    assert {name.split("/")[1] for name in reply.metrics} == {"0000"}


def test_device_threads_and_which_data_are_the_sites_own_words(site_file):
    text = site_file.read_text().replace("root: mri", "root: mri\n  slices: [0, 2]")
    text = text.replace("accelerator: cpu", "accelerator: cpu\n  workers: 1")
    site_file.write_text(f"{text}val_sample_rate: 0.5\n")
    settings = read_site_settings(site_file)
    node = {**CONFIG["sites"]["ixi"], "slices": [0, 1], "root": "/etc", "files": "../{split}/*.h5"}
    sent = {**CONFIG, "sites": {**CONFIG["sites"], "ixi": node}}
    sent["compute"] = {**CONFIG["compute"], "workers": 9, "accelerator": "gpu"}
    accepted = accept_travelling_config(sent, "ixi", AllowList(groups=TRAVELLING_GROUPS))
    site = settings.build_client(accepted, "e" * 16, None).site
    (source,) = site.sources
    assert (site.loading.workers, source.slices, source.val_sample_rate) == (1, [0, 2], 0.5)
    assert (source.files, source.root) == ("{contrast}/{split}/*.h5", str(site_file.parent / "mri"))


def test_what_crosses_at_joining_is_in_the_sites_own_ledger(server, tmp_path):
    server.handle(JOIN, NOTHING, CONFIG)
    (path,) = (tmp_path / "runs").rglob(LEDGER)
    entries = Ledger(path).read()
    assert {entry.name for entry in entries if entry.way == "to_site"} == CONFIG.keys()
    assert "fingerprint" in {entry.name for entry in entries if entry.way == "from_site"}


def test_another_config_than_the_coordinators_is_refused(server):
    response = server.handle(replace(JOIN, config_hash="0" * 12), NOTHING, CONFIG)
    assert (response.reply.error_kind, response.facts) == ("config_hash", None)


def test_another_version_is_refused_whatever_else_it_says(server):
    head = json.dumps({**asdict(TRAIN), "version": "0.0.7", "round": 0, "op": "dance"})
    answer = server.answer(Envelope(head, {}), json.dumps(CONFIG))
    assert json.loads(answer.head)["error"] == "version"


def test_a_run_without_the_site_is_refused(site_file):
    site_file.write_text(site_file.read_text().replace("ixi", "charite"))
    response = SiteServer(read_site_settings(site_file)).handle(JOIN, NOTHING, CONFIG)
    assert response.reply.error_kind == "unknown_site"


def test_a_failure_of_its_data_is_a_word_outside_and_every_file_is_in_its_log(
    server, tmp_path, caplog
):
    (volume,) = (tmp_path / "mri" / "T1" / "train").glob("*.h5")
    volume.write_bytes(b"torn")
    response = server.handle(JOIN, NOTHING, CONFIG)
    assert response.reply.error == response.reply.error_kind == "data"
    assert volume.name in caplog.text


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (OSError("/secret/folder: no such file"), "file"),
        (RuntimeError("/secret/folder is odd"), "failed"),
        (NonFiniteLossError("step 3 of /secret/folder"), "loss"),
        (MemoryError("/secret/folder"), "memory"),
        (SiteRefuses("/secret/folder", "a new word"), "failed"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_unexpected_failure_sends_a_word_of_the_list(server, monkeypatch, caplog, error, kind):
    def fails(*_):
        raise error

    monkeypatch.setattr("flmrcm.remote.site_server.collect_facts", fails)
    head = json.dumps({**asdict(JOIN), "round": 0})
    answer = server.answer(Envelope(head, {}), json.dumps(CONFIG))
    assert json.loads(answer.head)["error"] == kind
    assert "secret" not in answer.head
    assert "/secret/folder" in caplog.text


def test_what_the_policy_forbids_is_refused_and_in_the_ledger(site_file, tmp_path):
    (tmp_path / "policy.yaml").write_text("operations: [join, validate]\n")
    site_file.write_text(site_file.read_text() + "policy: policy.yaml\n")
    response = SiteServer(read_site_settings(site_file)).handle(TRAIN, weights(), CONFIG)
    assert response.reply.error_kind == "operation"
    (path,) = (tmp_path / "runs").rglob(LEDGER)
    *arrived, failed = Ledger(path).read()
    assert (failed.op, failed.kind, failed.name) == ("train", "errors", "operation")
    assert {entry.way for entry in arrived} == {"to_site"}


def test_reconstructions_stay_at_the_site_and_scores_go_by_number(server, tmp_path):
    test = replace(JOIN, op="test", config_hash=hash_travelling_config(SAVING))
    reply = server.handle(test, replace(weights(), extras={}), SAVING).reply
    assert {name.split("/")[1] for name in reply.metrics} == {"0000", "0001"}
    assert len([*(tmp_path / "runs").rglob("reconstructions/ixi/*.h5")]) == 1


def test_scores_of_lesions_travel_as_numbers_and_masks_stay(server, tmp_path):
    with h5py.File(tmp_path / "mri/T1/test/test_1.h5", "a") as file:
        mask = np.zeros(file["reconstruction_esc"].shape, np.uint8)
        mask[0, 4:9, 5:9] = 1
        file["lesion_mask"] = mask
    metrics = to_plain(compose_config("train", ["metrics=with_lesions"]).metrics)
    config = {**CONFIG, "metrics": metrics}
    call = replace(JOIN, op="test", config_hash=hash_travelling_config(config))
    reply = server.handle(call, replace(weights(), extras={}), config).reply
    assert (reply.error, reply.weights, reply.extras) == (None, {}, {})
    numbers = {m: {n.split("/")[1] for n in reply.metrics if n.split("/")[3] == m} for m in metrics}
    assert len(numbers) == 6
    for metric, of_metric in numbers.items():
        assert of_metric == ({"0001"} if "lesion" in metric else {"0000", "0001"})


def test_a_site_elsewhere_computes_coil_maps_as_it_joins_and_keeps_them_itself(
    tmp_path, monkeypatch
):
    pytest.importorskip("sigpy")
    monkeypatch.setenv("FLMRCM_CACHE", str(tmp_path / "cache"))
    write_site(tmp_path / "mri", {"train": (2,), "val": (1,)}, size=(20, 24), coils=3)
    text = yaml.safe_dump({"site": "ixi", "data": {"root": "mri"}, "threads": 1})
    (tmp_path / "site.yaml").write_text(text)
    server = SiteServer(read_site_settings(tmp_path / "site.yaml"))
    maps = to_plain(compose_config("train", ["maps=espirit", "maps.kernel=3"]).maps)
    model = {"_target_": "flmrcm.models.cascade.Cascade", "cascades": 1, "layers": 2, "channels": 2}
    mask = {**CONFIG["mask"], "center_fractions": [0.2]}
    config = {**CONFIG, "model": model, "mask": mask, "maps": maps}
    call = replace(JOIN, config_hash=hash_travelling_config(config))
    assert server.handle(call, NOTHING, config).facts.n_examples == 2
    assert len(list((tmp_path / "cache").rglob("*.npy"))) == 2
    assert str(tmp_path) not in dump_config(config)
    narrow = {**config, "maps": {**maps, "kernel": 6}}
    refused = server.handle(
        replace(call, config_hash=hash_travelling_config(narrow)), NOTHING, narrow
    )
    assert refused.reply.error_kind == "data"
