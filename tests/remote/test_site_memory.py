"""A site's memory: it stays, and is read by the config alone that left it."""

from dataclasses import replace

import torch
from kits.called_site import CONFIG, TRAIN, describe_run, weights

from flmrcm.config.travelling import hash_travelling_config
from flmrcm.remote.site_server import SiteServer
from flmrcm.remote.site_settings import read_site_settings
from flmrcm.types import Broadcast


def test_its_memory_stays_and_a_new_process_goes_on_with_it(server, site_file, tmp_path):
    first = server.handle(TRAIN, weights(), CONFIG)
    assert first.reply.error is None
    assert first.memory_round == 0
    assert [*(tmp_path / "memory" / TRAIN.run_id).rglob("*.pt")]
    again = replace(TRAIN, memory_round=0, kept_rounds=(0,))
    next_round = replace(weights(), round=1)
    here = server.handle(again, next_round, CONFIG).reply
    elsewhere = SiteServer(read_site_settings(site_file)).handle(again, next_round, CONFIG).reply
    without_memory = server.handle(TRAIN, next_round, CONFIG).reply
    for name, tensor in here.weights.items():
        assert torch.equal(tensor, elsewhere.weights[name])
    assert any(not torch.equal(t, without_memory.weights[name]) for name, t in here.weights.items())


def test_what_a_config_left_in_a_sites_memory_is_read_by_no_other_config(server, caplog):
    config, call = describe_run("fedper")
    state = weights().weights
    reply = server.handle(call, Broadcast(0, state), config).reply
    assert (reply.error, bool(reply.weights)) == (None, True)
    assert reply.weights.keys() < state.keys()
    every, call = describe_run("fl_mr")  # shares what the other keeps, and asks for its memory
    response = server.handle(
        replace(call, memory_round=0, kept_rounds=(0,)), Broadcast(1, state), every
    )
    assert (response.reply.error, response.reply.weights) == ("failed", {})
    assert "there is no such checkpoint" in caplog.text


def test_a_run_that_goes_on_with_more_rounds_finds_its_memory(server):
    first = server.handle(TRAIN, weights(), CONFIG)
    more = {**CONFIG, "rounds": CONFIG["rounds"] + 1}
    known = replace(TRAIN, memory_round=first.memory_round, kept_rounds=(0,))
    call = replace(known, config_hash=hash_travelling_config(more))
    assert server.handle(call, replace(weights(), round=1), more).reply.error is None
