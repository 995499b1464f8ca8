"""The contract of all engines: sites answer alike, whatever carries the messages."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from kits.engines import (
    CLINICS,
    ENGINES,
    NETWORKS,
    STRATEGIES,
    behind,
    broken,
    engine_of,
    messages,
    setting,
)
from kits.factories import make_unet
from kits.faulty_engine import garbage, idle, with_faults
from kits.kept_actors import keep_actors
from kits.laws import equal
from kits.ledgers import Scale, count_recorded, read_ledgers

from flmrcm.middleware.compression.powersgd import PowerSGD
from flmrcm.middleware.compression.quantised import Quantised
from flmrcm.middleware.compression.top_k import TopK
from flmrcm.middleware.secure_aggregation import SecureAggregation
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.types import ServerState

CASES = {name: (strategy, {}, {}) for name, strategy in STRATEGIES.items()}
REFUSED = {("east", "train", 1): garbage}
CASES["a refused reply"] = STRATEGIES["scaffold"], REFUSED, {}
CASES |= {
    "int8": (STRATEGIES["fl_mrcm_latent"], {}, {"compression": Quantised()}),
    "int4, drawn": (STRATEGIES["fedmri"], {}, {"compression": Quantised(4, "stochastic")}),
    "top_k": (STRATEGIES["finetune"], {}, {"compression": TopK()}),
    "powersgd, a refused reply": (
        STRATEGIES["scaffold"],
        REFUSED,  # the site goes back to a state that the server no longer holds
        {"compression": PowerSGD(rank=1)},
    ),
}
MASKED = {"secure_aggregation": SecureAggregation()}
CASES["masks"] = STRATEGIES["fedper"], {}, MASKED
CASES["masks of a site that drops out"] = STRATEGIES["fl_mr"], {("east", "train", 1): idle}, MASKED
CASES |= dict.fromkeys(NETWORKS, (STRATEGIES["fl_mrcm_latent"], {}, {}))


@pytest.fixture(scope="module", params=ENGINES)
def make(request):
    return request.param


@pytest.fixture(scope="module")
def engine(make, clinics, tmp_path_factory):
    here = engine_of(make, clinics, FedAvg(), tmp_path_factory.mktemp("engine"))
    yield here
    here.close()


@dataclass
class Ran:
    """Three rounds on an engine, interrupted after one and resumed; and the expected end."""

    state: ServerState
    expected: ServerState
    scale: Scale
    folder: Path


@pytest.fixture(scope="module", params=CASES)
def ran(request, make, clinics, tmp_path_factory):
    strategy, faults, members = CASES[request.param]
    folders = (tmp_path_factory.mktemp("run") for _ in range(2))
    network = NETWORKS.get(request.param, make_unet)
    here, there = (setting(clinics, folder, network, members=members) for folder in folders)
    initial = here.module(strategy).model.state_dict()
    expected = with_faults(there.federation(strategy), faults).run(initial)
    make = keep_actors(make)
    engine = engine_of(make, clinics, strategy, here.folder, members=members, network=network)
    scale = Scale(engine)
    for rounds in (1, 3):
        federation = behind(
            scale, replace(here, rounds=rounds).federation(strategy), members=members
        )
        state = with_faults(federation, faults).run(initial)
    engine.close()
    return Ran(state, expected, scale, here.folder)


def test_three_rounds_cut_after_one_end_bit_for_bit_where_in_process_ends(ran):
    assert equal(ran.state.weights, ran.expected.weights)
    assert ran.state.extras.keys() == ran.expected.extras.keys()
    for kind, tensors in ran.expected.extras.items():
        assert equal(ran.state.extras[kind], tensors)


def test_both_ledgers_hold_what_the_engine_carried_to_the_byte(ran):
    coordinator, sites = read_ledgers(ran.folder)
    assert count_recorded(ran.folder) == ran.scale.n_bytes
    assert coordinator == sites
    assert len(coordinator) > 100


def test_replies_arrive_in_sorted_order_one_from_each_called_site(engine):
    sent = messages(("west", "east", "south"))
    assert [reply.site for reply in engine.call("train", sent)] == ["east", "south", "west"]
    assert engine.sites() == sorted(CLINICS)


def test_a_failing_site_is_a_reply_with_one_line_and_the_others_go_on(engine):
    sent = messages()
    sent["north"] = broken(sent["north"])
    replies = {reply.site: reply for reply in engine.call("train", sent)}
    assert replies["north"].error.startswith("site north, round 0: ")
    assert "loss isn't finite" in replies["north"].error
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
    sent, untouched = messages(("east",)), messages(("east",))
    (reply,) = engine.call("train", sent)
    assert equal(sent["east"].weights, untouched["east"].weights)
    for tensor in reply.weights.values():
        tensor.zero_()
    assert equal(sent["east"].weights, untouched["east"].weights)


def test_a_caller_that_stopped_early_may_call_again(engine):
    sent, half, anew = (messages() for _ in range(3))  # now: others may soon draw numbers here
    engine.restore({})
    expected = [reply.weights for reply in engine.call("train", sent)]
    engine.restore({})
    next(iter(engine.call("train", half)))
    engine.restore({})
    again = [reply.weights for reply in engine.call("train", anew)]
    assert all(equal(one, other) for one, other in zip(again, expected, strict=True))


def test_an_engine_that_was_closed_starts_again(engine):
    engine.close()
    (reply,) = engine.call("validate", messages(("east",)))
    assert reply.metrics["psnr/fastmri"] > 0
