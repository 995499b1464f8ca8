"""Privacy of whole sites: clipped updates, noise that adds up to σC, whoever draws it."""

import pytest
import torch
from kits.laws import SEED, equal, fl_mrcm

from flmrcm.errors import ConfigErrors
from flmrcm.federation.middleware import ServerSide, SiteSide
from flmrcm.middleware.dp_site import DPSite
from flmrcm.middleware.dp_volume import PRIVACY
from flmrcm.middleware.wire import Wire
from flmrcm.privacy.accountant import ORDERS, find_epsilon
from flmrcm.strategies.ditto import Ditto
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.strategies.fednova import FedNova
from flmrcm.strategies.fedprox import FedProx
from flmrcm.strategies.moon import Moon
from flmrcm.strategies.scaffold import Scaffold
from flmrcm.strategies.server_optimizer import FedAdam
from flmrcm.types import Broadcast, Memory, Reply, ServerState

N_SITES, CLIP = 4, 0.5
SENT = {"a": torch.ones(100, 50), "b": torch.zeros(200)}
METRICS = {"steps": 3.0, "seconds": 1.0, "loss": 0.1, "acceleration": 4.0}


def exchange(rule, update, site="east", round_=0):
    """Return a site's reply as the strategy would read it, and as it left the site."""
    message, memory = Broadcast(round_, SENT), Memory()
    reply = Reply(site, 9, {k: t + update for k, t in SENT.items()}, metrics=METRICS)
    here = rule.build_site_half(SiteSide(site, FedAvg(), SEED, None, 10, N_SITES))
    there = rule.build_server_half(ServerSide(FedAvg(), None, SEED, 10, N_SITES))
    there.start_round(ServerState(SENT))
    here.before("train", message, memory)
    left = here.after("train", round_, reply, memory)
    return there.after("train", message, left), left


def measure(reply):
    """Return an update as one vector."""
    return torch.cat([(reply.weights[k] - SENT[k]).flatten() for k in SENT])


@pytest.mark.parametrize("update", [1e-4, 10.0])
def test_no_site_moves_the_sum_by_more_than_the_clip(update):
    arrived, left = exchange(DPSite(CLIP, noise=1e-9), update)
    for reply in (arrived, left):
        length = float(measure(reply).norm())
        assert length == pytest.approx(min(CLIP, update * 5200**0.5), rel=2e-3)


@pytest.mark.parametrize("where", ["server", "sites"])
def test_the_noise_of_all_sites_adds_up_to_sigma_times_the_clip(where):
    rule = DPSite(CLIP, noise=3.0, where=where)
    pairs = [exchange(rule, 0.0, f"site_{i}") for i in range(N_SITES)]
    summed = sum(measure(arrived) for arrived, _ in pairs)
    assert float(summed.std()) == pytest.approx(3 * CLIP, rel=0.05)
    shares = torch.stack([measure(arrived) for arrived, _ in pairs])
    assert (torch.corrcoef(shares) - torch.eye(N_SITES)).abs().max() < 0.06
    own = float(torch.stack([measure(left) for _, left in pairs]).std())
    assert own == pytest.approx(0 if where == "server" else 1.5 * CLIP, rel=0.05)


@pytest.mark.parametrize("where", ["server", "sites"])
def test_noise_is_new_in_each_round(where):
    first, second = (measure(exchange(DPSite(where=where), 0.0, round_=r)[0]) for r in (0, 1))
    assert abs(float(torch.corrcoef(torch.stack([first, second]))[0, 1])) < 0.06


@pytest.mark.parametrize("odd", [{"a": torch.ones(3)}, {"more": torch.ones(3)}])
def test_a_reply_of_another_form_is_left_to_those_who_refuse_it(odd):
    half = DPSite().build_server_half(ServerSide(FedAvg(), None, SEED, 10, N_SITES))
    half.start_round(ServerState(SENT))
    reply = Reply("east", 9, {**SENT, **odd}, metrics=METRICS)
    assert half.after("train", Broadcast(0, SENT), reply).weights == reply.weights


def test_shares_of_sites_are_for_all_of_them():
    messages = dict.fromkeys("abcde", Broadcast(0, SENT))
    for where in ("sites", "server"):
        half = DPSite(where=where).build_server_half(ServerSide(FedAvg(), None, SEED, 10, N_SITES))
        if where == "server":
            assert half.before("train", messages) == messages
            continue
        with pytest.raises(ConfigErrors, match=r"use robust\.quorum=null"):
            half.before("train", messages)


def test_a_reply_says_nothing_of_the_training_but_steps_and_time():
    arrived, left = exchange(DPSite(), 0.1)
    assert set(left.metrics) == {"steps", "seconds"}
    # σ 1, one round: the Gaussian mechanism
    assert arrived.metrics["epsilon"] == pytest.approx(find_epsilon(ORDERS / 2, 1e-5))


def test_a_federation_counts_its_rounds_ends_in_time_and_resumes(setting, caplog):
    rule = DPSite(noise=5.0)
    most = rule.count(2, 5.0)
    members = {PRIVACY: DPSite(noise=5.0, target_epsilon=most)}
    whole = setting(members=members, rounds=4)
    state = whole.run(FedProx())
    rows = [r for r in whole.federation(FedProx()).journal.read() if r.metric == "epsilon"]
    assert [(r.round, r.value) for r in rows if r.site == "east"] == [
        (0, pytest.approx(rule.count(1, 5.0))), (1, pytest.approx(most)),
    ]  # fmt: skip
    assert "3 sites, σ=5: after 4 rounds" in caplog.text
    assert "stopped after round 2 of 4" in caplog.text
    halved = setting(members=members, rounds=1)
    halved.run(FedProx())
    halved.rounds = 2
    assert equal(halved.run(FedProx()).weights, state.weights)


@pytest.mark.parametrize("where", ["server", "sites"])
@pytest.mark.parametrize(("secure", "counted"), [(True, 3), (False, 1)])
def test_a_round_that_is_done_again_counts_again_unless_its_noise_is_the_same(
    tmp_path, where, secure, counted
):
    rule, state = DPSite(noise=5.0, where=where, secure_randomness=secure), ServerState(SENT)
    target = DPSite(1.0, 5.0, rule.count(3, 5.0), where=where, secure_randomness=secure)
    side = ServerSide(FedAvg(), tmp_path, SEED, 10, N_SITES)
    for _ in range(3):  # each ends before its checkpoint
        half = rule.build_server_half(side)
        half.start_round(state)
        reply = half.after("train", Broadcast(0, SENT), Reply("east", 9, SENT, metrics=METRICS))
    assert reply.metrics["epsilon"] == pytest.approx(rule.count(counted, 5.0))
    assert int(half.finish_round(state).extras[PRIVACY]["east"]) == counted
    # at its start, too: the state of before any round is all that a resumed run has
    assert (target.build_server_half(side).find_end(state) is not None) == secure


def test_a_state_that_has_counted_more_than_was_noted_is_believed(tmp_path):
    rule = DPSite(noise=5.0, secure_randomness=True)
    half = rule.build_server_half(ServerSide(FedAvg(), tmp_path, SEED, 10, N_SITES))
    half.start_round(ServerState(SENT, {PRIVACY: {"east": torch.tensor(4)}}))
    reply = half.after("train", Broadcast(4, SENT), Reply("east", 9, SENT, metrics=METRICS))
    assert reply.metrics["epsilon"] == pytest.approx(rule.count(5, 5.0))


def test_what_is_more_than_a_plain_mean_of_updates_is_refused_by_name(setting):
    module = setting().module()

    def find(strategy, rule=None, **members):
        return (rule or DPSite()).find_problems(strategy, module, members)

    for suited in (FedAvg(), FedProx(), FedAdam(), Ditto(), Moon()):
        assert find(suited) == []
    for other in (Scaffold(name="SCAFFOLD"), FedNova(any_optimizer=True), fl_mrcm()):
        (line,) = find(other)
        assert "lets more of a site's data out" in line
    assert "use strategy.weighting=uniform" in find(FedAvg(weighting="examples"))[0]
    assert "strategy.aggregation=mean" in find(FedAvg(aggregation="median"))[0]
    (line,) = find(FedAvg(), DPSite(where="sites"), wire=Wire("bf16"))
    assert "use middleware.wire.kind=fp32" in line


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ({"where": "nowhere"}, "privacy.where=nowhere: use one of server, sites."),
        ({"clip": 0.0}, "privacy.clip: above 0; got 0.0."),
        ({"delta": 0.0}, "privacy.delta: between 0 and 1; got 0.0."),
        ({"noise": None}, "privacy: give noise, or a target_epsilon for which it's found."),
    ],
)
def test_values_out_of_range_are_one_line(keys, line):
    with pytest.raises(ConfigErrors) as caught:
        DPSite(**keys)
    assert line in str(caught.value)
