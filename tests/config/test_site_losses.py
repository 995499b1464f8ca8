"""A site may minimise a loss of its own, beside others that minimise the run's."""

import json

import pytest
import yaml
from kits.factories import write_site
from omegaconf import OmegaConf

from flmrcm.config.allow_list import AllowList
from flmrcm.config.build import to_plain
from flmrcm.config.check import check_config
from flmrcm.config.clients import build_clients
from flmrcm.config.compose import compose_config, expand_words
from flmrcm.config.federation import rebuild_clients
from flmrcm.config.identity import hash_config
from flmrcm.config.travelling import (
    TRAVELLING_GROUPS,
    accept_travelling_config,
    build_run_id,
    dump_config,
    select_travelling_config,
)
from flmrcm.errors import ConfigErrors, SiteRefuses
from flmrcm.federation.site_facts import collect_facts
from flmrcm.learning.losses import L1, SSIMLoss
from flmrcm.learning.ssdu import SSDU
from flmrcm.remote.site_settings import read_site_settings

BASE = ("sites=simulated", "size=tiny", "compute=cpu", "model=cascade", "strategy=fl_mr")
OWN = "sites.sim_b.loss=ssdu"


def compose(*words):
    return compose_config("train", [*BASE, *words])


def problems_of(*words):
    with pytest.raises(ConfigErrors) as caught:
        check_config(compose(*words))
    return caught.value.problems


def travels(*words):
    config = to_plain(compose(*words))
    return select_travelling_config({**config, "participants": ["sim_b"], "target": None})


@pytest.mark.parametrize("word", [OWN, "+loss@sites.sim_b.loss=ssdu"])
def test_only_the_site_that_says_so_has_a_loss_of_its_own(tmp_path, word):
    setup = check_config(compose(word, "sites.sim_b.loss.share=0.3"))
    clients = build_clients(setup, tmp_path, lambda _: None)
    losses = {name: client.loss for name, client in clients.items()}
    assert (type(losses.pop("sim_b")), setup.losses["sim_b"].share) == (SSDU, 0.3)
    assert {type(loss) for loss in losses.values()} == {L1}


def test_words_for_one_site_s_files_are_expanded_once():
    once = expand_words([OWN, "sites.sim_h.mask=magic,random", "sites.sim_i.loss=null"])
    assert once == [
        "+loss@sites.sim_b.loss=ssdu", "+mask@sites.sim_h.mask=magic,random",
        "sites.sim_i.loss=null",
    ]  # fmt: skip
    assert expand_words(once) == once


def test_the_others_may_have_the_loss_that_needs_no_target():
    setup = check_config(compose("loss=ssdu", "sites.sim_b.loss=ssim"))
    assert isinstance(setup.module.loss, SSDU)
    assert {n: type(x) for n, x in setup.losses.items()} == {"sim_b": SSIMLoss}
    peaks = {name: site.loading.needs_peak for name, site in setup.sites.items()}
    assert peaks == {"sim_b": True, "sim_f": False, "sim_h": False, "sim_i": False}


def test_clients_in_another_process_have_their_losses(tmp_path):
    config = check_config(compose(OWN)).config
    clients = rebuild_clients(config, tmp_path)
    assert [type(clients[n].loss) for n in ("sim_b", "sim_f")] == [SSDU, L1]


def test_parts_of_one_data_set_share_its_loss():
    words = ["sites=iid", "data_dir=/x", "model=cascade", "strategy=fl_mr", "compute=cpu"]
    cfg = compose_config("train", words)
    source = "+loss@split.source.loss=ssdu"
    setup = check_config(compose_config("train", [*words, source]))
    assert setup.losses.keys() == {f"{cfg.split.of}_{i}" for i in range(cfg.split.count)}


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("model=unet", "loss=ssdu"), "loss: SSDU compares k-space, of which UNet says nothing; "),
        (("model=unet", OWN), "sites.sim_b.loss: SSDU compares k-space, of which UNet says"),
        ((OWN, "pooled=true"), "sites.sim_b.loss: a pool has one loss for all"),
        ((OWN, "sites.sim_b.loss.share=2"), "loss.share: between 0 and 1; got 2"),
        (("sites.sim_x.loss=ssdu",), "sites.sim_x={"),
    ],
)
def test_what_cannot_work_is_one_line_before_training(words, line):
    (problem,) = problems_of(*words)
    assert problem.startswith(line)


def test_a_file_that_is_not_there_has_a_near_one():
    with pytest.raises(ConfigErrors, match="Did you mean 'ssdu'"):
        compose("sites.sim_b.loss=ssud")


def test_a_run_without_such_a_key_is_the_same_experiment():
    old = compose()
    OmegaConf.set_struct(old, False)
    for site in old.sites.values():
        del site["loss"]
    hashed = hash_config(_root_=old)
    assert hashed == hash_config(_root_=compose())
    # a site's own l1 is not the run's, whatever the run's is
    others = [compose(OWN), compose("loss=ssim"), compose("loss=ssim", "sites.sim_b.loss=l1")]
    assert len({hashed, *(hash_config(_root_=cfg) for cfg in others)}) == 4
    assert check_config(old).losses == {}


def test_of_a_site_elsewhere_its_loss_travels_and_is_looked_at():
    sent = travels(OWN)
    assert all("loss" not in node for node in travels()["sites"].values())
    assert build_run_id(travels(), "run") != build_run_id(sent, "run")
    allowed, received = AllowList(groups=TRAVELLING_GROUPS), json.loads(dump_config(sent))
    accepted = accept_travelling_config(received, "sim_b", allowed)
    assert accepted["sites"]["sim_b"]["loss"]["_target_"].endswith(".SSDU")
    assert "loss" not in accept_travelling_config(received, "sim_f", allowed)["sites"]["sim_b"]
    received["sites"]["sim_b"]["loss"] = {"_target_": "shutil.rmtree"}
    with pytest.raises(SiteRefuses):
        accept_travelling_config(received, "sim_b", allowed)


@pytest.mark.parametrize(("run_s", "own", "expected"), [
    (None, None, L1), ("ssim", None, SSIMLoss), (None, "ssdu", SSDU), ("ssim", "ssdu", SSDU),
])  # fmt: skip
def test_a_site_s_own_file_goes_before_the_run(tmp_path, run_s, own, expected):
    write_site(tmp_path / "mri", {"train": (2,), "val": (1,)})
    path = tmp_path / "site.yaml"
    node = {"loss": {"_target_": "flmrcm.learning.ssdu.SSDU"}} if own else {}
    values = {"site": "sim_b", "data": {"root": "mri", **node}, "threads": 1}
    path.write_text(yaml.safe_dump({**values, "compute": {"accelerator": "cpu"}}))
    sent = travels(*([f"sites.sim_b.loss={run_s}"] if run_s else []))
    accepted = accept_travelling_config(sent, "sim_b", AllowList(groups=TRAVELLING_GROUPS))
    client = read_site_settings(path).build_client(accepted, "e" * 16, None)
    assert type(client.loss) is expected
    assert collect_facts(client.site, ["train"]).needs_target is expected.needs_target


def test_a_fair_mean_refuses_losses_of_different_kinds():
    (problem,) = problems_of("model=cascade", OWN, "strategy=fl_mr", "strategy.weighting=fair")
    assert problem.startswith("sites.sim_b.loss: strategy.weighting=fair compares the losses")
