"""FedPer: private weights stay at their site, start alike, and are what a site is tested with."""

import pytest
import torch
from kits.factories import make_unet
from kits.laws import Setting, equal, fl_mrcm

from flmrcm.federation.checkpoint import read_checkpoint
from flmrcm.middleware.ledger import LEDGER, Ledger
from flmrcm.strategies.base import PRIVATE
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.strategies.feddyn import FedDyn
from flmrcm.strategies.fednova import FedNova
from flmrcm.strategies.fedper import DECODER, FedPer, LGFedAvg
from flmrcm.strategies.fedprox import FedProx
from flmrcm.strategies.moon import Moon
from flmrcm.strategies.scaffold import Scaffold
from flmrcm.strategies.server_optimizer import FedAdam
from flmrcm.types import Broadcast, Memory

NAMES = list(make_unet().state_dict())
PRIVATE_NAMES = {name for name in NAMES if name.startswith("up_")}


def initial(here: Setting):
    return here.module().model.state_dict()


def private_of(here, site, round_=1):
    path = here.folder / "checkpoints" / "memory" / site / f"round_{round_:04}.pt"
    return torch.load(path, weights_only=True)["tensors"][PRIVATE]


def test_the_decoder_is_private_and_the_rest_is_shared():
    strategy = FedPer()
    assert {name for name in NAMES if not strategy.is_shared(name)} == PRIVATE_NAMES
    assert 0 < len(PRIVATE_NAMES) < len(NAMES)


def test_lg_fedavg_keeps_the_first_layers_and_no_weight_that_fedper_keeps():
    strategy = LGFedAvg()
    private = {name for name in NAMES if not strategy.is_shared(name)}
    assert private == {name for name in NAMES if name.startswith("down_")}
    assert not private & PRIVATE_NAMES


def test_lg_fedavg_averages_the_rest_and_keeps_every_sites_own(setting):
    here = setting()
    state = here.run(LGFedAvg())
    assert {name for name in NAMES if name.startswith("down_")} == private_of(here, "east").keys()
    assert state.weights.keys() == set(NAMES) - private_of(here, "east").keys()
    first = "down_sample_layers.0.layers.0.weight"
    assert not torch.equal(private_of(here, "east")[first], private_of(here, "north")[first])


def test_with_no_private_weight_it_is_federated_averaging_bit_for_bit(run):
    assert equal(run(FedPer(private=())).weights, run(FedAvg()).weights)


STRATEGIES = [
    FedPer(),
    FedProx(private=DECODER),
    Scaffold(private=DECODER),
    FedAdam(private=DECODER),
    FedNova(private=DECODER, any_optimizer=True),
    FedDyn(private=DECODER),
    Moon(private=DECODER),
    fl_mrcm(private=DECODER),
    fl_mrcm(private=DECODER, alignment="latents"),
]


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda s: type(s).__name__)
def test_no_private_weight_is_in_any_message(setting, strategy):
    here = setting()
    federation = here.federation(strategy)
    federation.chain.halves = here.server_chain(strategy, here.folder).halves
    state = federation.run(initial(here))
    crossed = {entry.name for entry in Ledger(here.folder / LEDGER).read()}
    assert crossed & set(NAMES) == set(NAMES) - PRIVATE_NAMES
    assert state.weights.keys() == set(NAMES) - PRIVATE_NAMES


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda s: type(s).__name__)
def test_a_resumed_run_ends_bit_for_bit_where_the_whole_one_ends(setting, strategy):
    whole, resumed = setting(rounds=3), setting(rounds=1)
    expected = whole.run(strategy).weights
    resumed.run(strategy)
    resumed.rounds = 3
    assert equal(resumed.run(strategy).weights, expected)
    assert equal(private_of(resumed, "east", 2), private_of(whole, "east", 2))


def test_every_site_starts_from_the_runs_initial_weights(setting):
    one, all_ = setting(rounds=1, participants=("north",)), setting(rounds=1)
    one.run(FedPer())
    all_.run(FedPer())
    # whoever trained before it in the same process leaves no trace
    assert equal(private_of(one, "north", 0), private_of(all_, "north", 0))


def test_one_sites_private_weights_never_reach_another(setting):
    here = setting()
    here.run(FedPer())
    east, north = private_of(here, "east"), private_of(here, "north")
    assert not any(torch.equal(east[name], north[name]) for name in PRIVATE_NAMES)


@pytest.mark.parametrize("op", ["validate", "test"])
def test_a_site_is_scored_with_its_private_weights_over_the_shared(setting, op):
    here = setting()
    federation = here.federation(FedPer())
    state = federation.run(initial(here))
    client = federation.engine.clients["east"]
    message = Broadcast(2, state.weights)
    own = client.call(op, message, federation.engine.store.load("east"))
    client.runtime.module.model.load_state_dict({**state.weights, **private_of(here, "east")})
    scores = client.runtime.evaluator.validate(client.runtime.module, client.site)
    unseen = client.call(op, message, Memory())
    assert own.metrics != unseen.metrics
    if op == "validate":
        expected = [s.value for s in scores if (s.metric, s.convention) == ("psnr", "fastmri")]
        assert own.metrics["psnr/fastmri"] == pytest.approx(sum(expected) / len(expected))


def test_a_site_without_private_weights_is_completed_from_the_initial_ones(setting):
    here = setting(participants=("north", "south"))
    federation = here.federation(FedPer())
    state = federation.run(initial(here))
    client = federation.engine.clients["east"]
    metrics = client.call("validate", Broadcast(2, state.weights), Memory()).metrics
    client.runtime.module.model.load_state_dict({**initial(here), **state.weights})
    scores = client.runtime.evaluator.validate(client.runtime.module, client.site)
    expected = [s.value for s in scores if (s.metric, s.convention) == ("psnr", "fastmri")]
    assert metrics["psnr/fastmri"] == pytest.approx(sum(expected) / len(expected))


def test_shared_weights_never_overwrite_private_ones(setting):
    here = setting(rounds=1)
    federation = here.federation(FedPer())
    state = federation.run(initial(here))
    before = private_of(here, "east", 0)
    client, memory = federation.engine.clients["east"], federation.engine.store.load("east")
    message = Broadcast(1, {**state.weights, **{name: before[name] * 0 for name in before}})
    personal = client.runtime.strategy.personal_weights(memory, message.weights)
    assert equal({name: personal[name] for name in before}, before)


def test_the_checkpoint_holds_no_private_weight(setting):
    here = setting()
    here.run(FedPer())
    saved = read_checkpoint(here.folder / "checkpoints" / "last.pt")
    assert not saved.weights.keys() & PRIVATE_NAMES
