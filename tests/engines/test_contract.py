"""The contract, unchanged for every engine: whatever carries messages, the sites answer alike."""

from dataclasses import replace

import pytest
import torch
from engines_kit import CLINICS, ENGINES, STRATEGIES, broken, engine_of, messages, setting
from laws_kit import equal

from flmrcm.strategies.fedavg import FedAvg


@pytest.fixture(scope="module", params=ENGINES)
def make(request):
    return request.param


@pytest.fixture(scope="module")
def engine(make, clinics, tmp_path_factory):
    here = engine_of(make, clinics, FedAvg(), tmp_path_factory.mktemp("engine"))
    yield here
    here.close()


@pytest.mark.parametrize("name", STRATEGIES)
def test_three_rounds_cut_after_one_end_bit_for_bit_where_in_process_ends(
    make, clinics, tmp_path, name
):
    strategy, initial = STRATEGIES[name], messages()["east"].weights
    expected = setting(clinics, tmp_path / "straight").run(strategy)
    engine = engine_of(make, clinics, strategy, tmp_path)
    for rounds in (1, 3):
        begun = setting(clinics, tmp_path / "resumed", rounds=rounds).federation(strategy)
        state = replace(begun, engine=engine).run(initial)
    engine.close()
    assert equal(state.weights, expected.weights)
    assert all(equal(state.extras[kind], expected.extras[kind]) for kind in expected.extras)


def test_replies_come_in_sorted_order_one_from_each_site_asked(engine):
    asked = messages(("west", "east", "south"))
    assert [reply.site for reply in engine.call("train", asked)] == ["east", "south", "west"]
    assert engine.sites() == sorted(CLINICS)


def test_a_failing_site_is_a_reply_with_one_line_and_the_others_go_on(engine):
    asked = messages()
    asked["north"] = broken(asked["north"])
    replies = {reply.site: reply for reply in engine.call("train", asked)}
    assert replies["north"].error.startswith("site north, round 0: step 1: the loss isn't finite.")
    assert "\n" not in replies["north"].error
    assert [site for site, reply in replies.items() if reply.error is None] == [
        "east", "south", "west"
    ]  # fmt: skip


def test_a_site_that_failed_answers_the_next_call(engine):
    (failed,) = engine.call("train", {"east": broken(messages()["east"])})
    (reply,) = engine.call("train", messages(("east",), round_=1))
    assert failed.error
    assert reply.error is None


def test_messages_are_copied(engine):
    asked, untouched = messages(("east",)), messages(("east",))
    (reply,) = engine.call("train", asked)
    assert equal(asked["east"].weights, untouched["east"].weights)
    for tensor in reply.weights.values():
        tensor.zero_()
    assert equal(asked["east"].weights, untouched["east"].weights)


def test_who_stops_listening_may_call_again(engine):
    engine.restore({})
    expected = [reply.weights for reply in engine.call("train", messages())]
    engine.restore({})
    next(iter(engine.call("train", messages())))
    engine.restore({})
    again = [reply.weights for reply in engine.call("train", messages())]
    assert all(equal(one, other) for one, other in zip(again, expected, strict=True))


def test_float32_travels_in_four_bytes(engine):
    assert engine.n_bytes({"w": torch.zeros(3, 5)}) == 60


def test_an_engine_that_was_closed_starts_again(engine):
    engine.close()
    (reply,) = engine.call("evaluate", messages(("east",)))
    assert reply.metrics["psnr/fastmri"] > 0
