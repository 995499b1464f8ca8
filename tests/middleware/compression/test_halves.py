"""Server and sites in conversation: both ends hold the same bits, and nothing is lost for good."""

import copy
from dataclasses import replace

import pytest
import torch
from kits.compression import EACH, RESIDUAL, SCHEMES, Talk, add, draw, same

from flmrcm.errors import SiteRefuses
from flmrcm.federation.middleware import (
    ASKS_AGAIN,
    SEND_AGAIN,
    AskAgain,
    ServerSide,
)
from flmrcm.middleware.compression.kinds import REFERENCES
from flmrcm.middleware.compression.packing import is_packed
from flmrcm.middleware.compression.quantised import Quantised
from flmrcm.middleware.compression.top_k import TopK
from flmrcm.middleware.ledger import list_sent
from flmrcm.middleware.policy import SitePolicy
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.types import Broadcast, Memory, Reply


@EACH
def test_every_site_works_from_the_bits_the_server_knows_of(scheme):
    talk = Talk(scheme)
    for round_ in range(4):
        read, _, sent = talk.round(round_)
        assert is_packed(sent["east"].weights) == (round_ > 0)
        assert same(read["east"].weights, read["west"].weights)
        kept = {k.removeprefix("compression/"): x for k, x in talk.state.extras.items()}
        assert same(kept["weights"], read["east"].weights)


@EACH
def test_what_a_site_leaves_out_and_what_it_sent_are_what_it_had_to_send(scheme):
    talk, before = Talk(scheme), {}
    for round_ in range(4):
        meant = talk.state.weights
        read, back, _ = talk.round(round_, ("east",))
        left = talk.memories["east"].tensors.get(RESIDUAL, {})
        assert bool(left) == scheme.feeds_back
        change = add(read["east"].weights, draw(100 * round_, 0.01))
        for name in left:
            sent = back["east"].weights[name] - meant[name]
            due = change[name] - read["east"].weights[name] + before.get(name, 0)
            assert torch.allclose(left[name] + sent, due, atol=1e-6)
        before = left


@EACH
def test_nothing_is_lost_for_good_on_the_way_down(scheme):
    talk, goal = Talk(scheme), draw(7)
    for round_ in range(30):
        talk.server.start_round(talk.state)
        read, *_ = talk.call("train", round_, weights=goal)
        talk.state = talk.server.finish_round(talk.state)
    drawn = scheme == SCHEMES["int8, drawn"]
    for name in ("conv", "bias"):
        assert torch.allclose(read["east"].weights[name], goal[name], atol=1e-4 if drawn else 1e-6)


@EACH
def test_what_the_way_down_leaves_out_is_not_undone_by_the_replies(scheme):
    talk = Talk(scheme)
    talk.round(0)
    meant = talk.state.weights
    still = {name: torch.zeros_like(x) for name, x in draw(1).items()}
    for memory in talk.memories.values():
        memory.tensors.pop(RESIDUAL, None)
    read, back, _ = talk.round(1, change=still)
    assert not same(read["east"].weights, meant)
    assert all(torch.equal(back["east"].weights[k], meant[k]) for k in ("conv", "bias"))


@EACH
def test_a_site_that_stayed_away_gets_everything_and_then_differences_again(scheme):
    talk = Talk(scheme)
    talk.round(0)
    talk.round(1, ("east",))
    read, _, sent = talk.round(2)
    assert is_packed(sent["east"].weights)
    assert not is_packed(sent["west"].weights)
    assert same(read["east"].weights, read["west"].weights)
    assert is_packed(talk.round(3)[2]["west"].weights)


def test_a_site_with_another_state_asks_and_gets_everything():
    talk = Talk(Quantised())
    talk.round(0)
    talk.memories["west"].tensors["compression/weights"]["bias"][0] += 1e-3
    talk.server.start_round(talk.state)
    sent = talk.server.before("train", dict.fromkeys(("east", "west"), Broadcast(1, draw(3))))
    with pytest.raises(AskAgain):
        talk.sites["west"].before("train", sent["west"], talk.memories["west"])
    asking = Reply("west", metrics={ASKS_AGAIN: 1.0})
    assert talk.server.after("train", sent["west"], asking).error_kind == SEND_AGAIN
    again = talk.server.before("train", {"west": Broadcast(1, draw(3))})["west"]
    assert not is_packed(again.weights)
    here = talk.sites["east"].before("train", sent["east"], talk.memories["east"])
    there = talk.sites["west"].before("train", again, talk.memories["west"])
    assert same(here.weights, there.weights)
    # who asks although nothing was built on gets no third message
    assert talk.server.after("train", again, asking).error_kind is None


@EACH
def test_what_is_validated_is_what_the_next_round_trains_from(scheme):
    talk = Talk(scheme)
    for round_ in range(3):
        talk.round(round_)
        validated, *_ = talk.call("validate", round_)
        if round_ == 1:
            talk.server = talk.scheme.build_server_half(ServerSide(FedAvg(), seed=5))
        talk.server.start_round(talk.state)
        surveyed, *_ = talk.call("survey", round_ + 1)
        trained, *_ = copy.deepcopy(talk).call("train", round_ + 1)
        assert same(validated["east"].weights, trained["east"].weights)
        assert same(surveyed["east"].weights, trained["east"].weights)


def test_a_test_is_of_the_very_weights():
    talk = Talk(Quantised(4))
    talk.round(0)
    read, _, sent = talk.call("test", 0)
    assert same(sent["east"].weights, talk.state.weights)
    assert same(read["east"].weights, talk.state.weights)


@EACH
def test_only_training_changes_what_a_site_keeps(scheme):
    talk = Talk(scheme)
    talk.round(0)
    memory = copy.deepcopy(talk.memories["east"])
    half = talk.sites["east"]
    for op in ("survey", "validate", "test"):
        sent = talk.server.before(op, {"east": Broadcast(0, talk.state.weights)})["east"]
        half.before(op, sent, memory)
        half.after(op, 0, Reply("east", extras={"latents": {"latents": torch.ones(2, 3)}}), memory)
    assert memory.tensors.keys() == talk.memories["east"].tensors.keys()
    for kind, tensors in talk.memories["east"].tensors.items():
        assert same(tensors, memory.tensors[kind])


def test_draws_are_new_in_every_round_and_at_every_site():
    talk = Talk(Quantised(4, "stochastic"))
    half = {name: x + 0.01 if x.ndim else x for name, x in draw(1).items()}
    codes = []
    for site, round_ in [("east", 0), ("east", 1), ("west", 1)]:
        talk.sites[site].before("train", Broadcast(round_, draw(0)), talk.memories[site])
        reply = talk.sites[site].after("train", round_, Reply(site, 4, half), talk.memories[site])
        codes.append(reply.weights["compressed-codes"])
    again = talk.sites["west"].after("train", 1, Reply("west", 4, half), Memory())
    assert torch.equal(codes[2], again.weights["compressed-codes"])
    assert not any(torch.equal(codes[i], codes[j]) for i, j in [(0, 1), (1, 2), (0, 2)])


def test_latents_are_two_bytes_each_and_a_policy_sees_their_width():
    talk, latents = Talk(TopK()), {"latents": torch.randn(3, 500)}
    _, back, _ = talk.call("survey", 0, ("east",), up={"latents": latents})
    half = 0.51 * latents["latents"].abs().amax(1, keepdim=True) / 32767
    assert ((back["east"].extras["latents"]["latents"] - latents["latents"]).abs() <= half).all()
    memory, reply = Memory(), Reply("east", 4, extras={"latents": latents})
    leaving = talk.sites["east"].after("survey", 0, reply, memory)
    with pytest.raises(SiteRefuses, match="500 numbers are more than 400"):
        SitePolicy(payloads=["latents"], widest_latent=400).refuse_payload([], leaving)
    read, _, sent = talk.call("train", 0, down={"latents": latents})
    assert sent["east"].extras["latents"]["latents"].dtype == torch.int16
    assert read["east"].extras["latents"]["latents"].dtype == torch.float32


@EACH
def test_a_control_variate_and_its_change_are_differences_too(scheme):
    talk = Talk(scheme)
    zero = {name: x for name, x in draw(1).items() if name != "count"}
    for round_ in range(3):
        change = {name: x for name, x in draw(round_, 0.01).items() if name != "count"}
        control = add(zero, change)
        read, back, sent = talk.round(
            round_, down={"control": control}, up={"control_change": change}
        )
        assert is_packed(sent["east"].extras["control"]) == (round_ > 0)
        assert read["east"].extras["control"].keys() == control.keys()
        assert back["east"].extras["control_change"].keys() == change.keys()
        assert REFERENCES not in read["east"].extras
    memory = talk.memories["east"].tensors
    assert same(memory["compression/control"], talk.state.extras["compression/control"])
    assert ("compression_residual/control_change" in memory) == scheme.feeds_back


def test_what_is_not_alike_for_all_sites_travels_as_it_is():
    talk = Talk(Quantised())
    own = {"east": {"w": torch.ones(2)}, "west": {"w": torch.zeros(2)}}
    for round_ in range(2):
        messages = {s: Broadcast(round_, talk.state.weights, {"own": own[s]}) for s in own}
        sent = talk.server.before("train", messages)
        assert all(same(sent[site].extras["own"], own[site]) for site in own)


def test_weights_that_are_not_finite_travel_as_they_are_and_leave_nothing_behind():
    talk = Talk(Quantised())
    nan = {name: torch.full_like(x, float("nan")) if x.ndim else x for name, x in draw(1).items()}
    _, back, _ = talk.round(0, change=nan)
    assert back["east"].weights["conv"].isnan().all()
    assert RESIDUAL not in talk.memories["east"].tensors


@EACH
def test_most_bytes_are_saved_from_the_second_round_on(scheme):
    talk, sizes = Talk(scheme), []
    for round_ in range(2):
        _, _, sent = talk.round(round_)
        sizes.append(sum(entry.bytes for entry in list_sent("train", "east", sent["east"])))
    assert sizes[1] < 0.75 * sizes[0]


@pytest.mark.parametrize("spoil", ["cut", "float", "stranger", "nothing"])
def test_a_site_refuses_differences_that_it_cannot_read(spoil):
    talk = Talk(Quantised())
    talk.round(0)
    talk.server.start_round(talk.state)
    sent = talk.server.before("train", {"east": Broadcast(1, draw(1))})["east"]
    codes = sent.weights["compressed-codes"]
    change = {
        "cut": {"compressed-codes": codes[:-4]},
        "float": {"compressed-codes": codes.float()},
        "stranger": {"head": torch.empty(0)},
        "nothing": {},
    }[spoil]
    extras = {} if spoil == "nothing" else sent.extras
    spoilt = replace(sent, weights={**sent.weights, **change}, extras=extras)
    with pytest.raises(SiteRefuses, match="compression: ") as caught:
        talk.sites["east"].before("train", spoilt, talk.memories["east"])
    assert caught.value.kind == "envelope"


def test_a_reply_that_cannot_be_read_is_refused():
    talk = Talk(Quantised())
    message = Broadcast(0, draw(0))
    sent = talk.server.before("train", {"east": message})["east"]
    weights = {name: torch.empty(0) for name in ("conv", "bias")}
    codes = {"compressed-codes": torch.ones(3, dtype=torch.uint8)}
    reply = talk.server.after("train", sent, Reply("east", 4, {**weights, **codes}))
    assert reply.error.startswith("site east, round 0: its reply was refused: ")
    assert "\n" not in reply.error
