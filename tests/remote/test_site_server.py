"""A site as its calls find it: master in its house, told of versions, silent on its files."""

import json
from dataclasses import replace

import pytest
import torch
import yaml
from kits.factories import write_site

from flmrcm import __version__
from flmrcm.config.build import Builder, to_plain
from flmrcm.config.compose import compose_config
from flmrcm.config.learner import build_learner
from flmrcm.config.travelling import dump_config, hash_travelling_config, select_travelling_config
from flmrcm.federation.site_facts import parse_facts
from flmrcm.middleware.ledger import LEDGER, Ledger
from flmrcm.remote.call_header import CallHeader
from flmrcm.remote.site_server import SiteServer
from flmrcm.remote.site_settings import read_site_settings
from flmrcm.types import Broadcast

CFG = compose_config(
    "train",
    ["sites=bfhi", "target=brats", "compute=cpu", "strategy=scaffold", "model.channels=2",
     "model.pools=2", "local.batch_size=2"],
)  # fmt: skip
CONFIG = json.loads(
    dump_config(
        select_travelling_config(
            {**to_plain(CFG), "participants": ["brats", "ixi"], "target": "brats"}
        )
    )
)
SAVING = {**CONFIG, "test": {"saved_volumes": 1}}
JOIN = CallHeader("join", __version__, hash_travelling_config(CONFIG), "e" * 16, splits=("train",))
TRAIN = replace(JOIN, op="train")
NOTHING = Broadcast(0, {})


@pytest.fixture
def house(tmp_path):
    """The file of a site with three training slices; `policy.yaml` isn't used unless it's told."""
    write_site(tmp_path / "mri", {"train": (3,), "val": (2,), "test": (2, 2)})
    said = {"site": "ixi", "data": {"root": "mri"}, "compute": {"accelerator": "cpu"}, "threads": 1}
    (tmp_path / "site.yaml").write_text(yaml.safe_dump(said))
    return tmp_path / "site.yaml"


@pytest.fixture
def host(house):
    return SiteServer(read_site_settings(house))


def weights():
    _, module, _ = build_learner(CFG, Builder())
    state = {name: tensor.clone() for name, tensor in module.model.state_dict().items()}
    zeros = {name: torch.zeros_like(tensor) for name, tensor in state.items()}
    return Broadcast(0, state, {"control": zeros})


def test_who_joins_tells_numbers_and_no_name(host):
    answer = host.handle(JOIN, NOTHING, CONFIG)
    facts = parse_facts(answer.facts)
    assert (facts.n_examples, facts.n_batches) == (3, 2)
    assert facts.splits == ("train", "val", "test")
    assert facts.sizes == {"train": [(16, 16)]}
    assert answer.reply.error is None


def test_what_is_told_at_joining_is_in_the_sites_own_book(host, tmp_path):
    host.handle(JOIN, NOTHING, CONFIG)
    (book,) = (tmp_path / "runs").rglob(LEDGER)
    entries = Ledger(book).read()
    assert {entry.name for entry in entries if entry.way == "to_site"} == CONFIG.keys()
    assert "fingerprint" in {entry.name for entry in entries if entry.way == "from_site"}


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (replace(JOIN, version="0.0.7"), f"it has flmrcm {__version__}, the coordinator 0.0.7;"),
        (
            replace(JOIN, config_hash="0" * 8),
            f"as {hash_travelling_config(CONFIG)}, the coordinator as 0000",
        ),
        (replace(TRAIN, version="0.0.7"), "the coordinator 0.0.7; install the same."),
    ],
)
def test_another_version_or_another_config_is_refused_with_both_shown(host, call, said):
    answer = host.handle(call, weights(), CONFIG)
    assert answer.reply.error.startswith("site ixi, round 0: ")
    assert said in answer.reply.error
    assert answer.facts is None


def test_a_run_that_does_not_know_the_site_is_told_so(house):
    house.write_text(house.read_text().replace("ixi", "charite"))
    answer = SiteServer(read_site_settings(house)).handle(JOIN, NOTHING, CONFIG)
    assert "site charite: the run has none of that name, but brats, fastmri" in answer.reply.error


def test_a_failure_of_its_data_names_no_file_abroad_and_all_of_it_at_home(host, tmp_path, caplog):
    (volume,) = (tmp_path / "mri" / "T1" / "train").glob("*.h5")
    volume.write_bytes(b"torn")
    answer = host.handle(JOIN, NOTHING, CONFIG)
    assert answer.reply.error == (
        "site ixi, round 0: its data aren't as the run needs them; its own log says which."
    )
    assert volume.name in caplog.text


def test_an_unforeseen_failure_says_its_kind_and_nothing_it_says(host, monkeypatch, caplog):
    def fails(*_):
        raise OSError("/secret/folder: no such file")

    monkeypatch.setattr("flmrcm.remote.site_server.collect_facts", fails)
    answer = host.handle(JOIN, NOTHING, CONFIG)
    assert answer.reply.error == "site ixi, round 0: OSError; its own log says more."
    assert "/secret/folder" in caplog.text


def test_what_the_house_forbids_is_refused_with_its_reason(house, tmp_path):
    (tmp_path / "policy.yaml").write_text("operations: [validate]\n")
    house.write_text(house.read_text() + "policy: policy.yaml\n")
    answer = SiteServer(read_site_settings(house)).handle(TRAIN, weights(), CONFIG)
    assert "refused by its site policy: train isn't among its operations" in answer.reply.error


def test_its_memory_stays_and_a_new_process_goes_on_with_it(host, house, tmp_path):
    first = host.handle(TRAIN, weights(), CONFIG)
    assert first.reply.error is None
    assert first.memory_round == 0
    assert [*(tmp_path / "memory" / TRAIN.run_id).rglob("*.pt")]
    again = replace(TRAIN, memory_round=0, kept_rounds=(0,))
    next_round = replace(weights(), round=1)
    here = host.handle(again, next_round, CONFIG).reply
    elsewhere = SiteServer(read_site_settings(house)).handle(again, next_round, CONFIG).reply
    forgetful = host.handle(TRAIN, next_round, CONFIG).reply
    for name, tensor in here.weights.items():
        assert torch.equal(tensor, elsewhere.weights[name])
    assert any(not torch.equal(t, forgetful.weights[name]) for name, t in here.weights.items())


def test_reconstructions_stay_at_the_site_and_scores_go_by_number(host, tmp_path):
    test = replace(JOIN, op="test", config_hash=hash_travelling_config(SAVING))
    reply = host.handle(test, replace(weights(), extras={}), SAVING).reply
    assert {name.split("/")[1] for name in reply.metrics} == {"0000", "0001"}
    assert len([*(tmp_path / "runs").rglob("reconstructions/ixi/*.h5")]) == 1
