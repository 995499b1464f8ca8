"""Ditto: global weights as in FL-MR, and personal ones that their site is judged with."""

from typing import Any

import pytest
import torch
from kits.laws import Setting, equal
from torch.testing import assert_close

from flmrcm.errors import ConfigErrors
from flmrcm.federation.batches import SiteBatches
from flmrcm.federation.checkpoint import read_checkpoint
from flmrcm.federation.volume_scores import RECONSTRUCTED
from flmrcm.federation.workload import Workload
from flmrcm.strategies.base import PERSONAL, PRIVATE
from flmrcm.strategies.ditto import Ditto
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.types import Broadcast, Memory, Weights

SITES = ("east", "north", "south")


def personal_of(here: Setting, site: str, round_: int = 1) -> Weights:
    path = here.folder / "checkpoints" / "memory" / site / f"round_{round_:04}.pt"
    return torch.load(path, weights_only=True)["tensors"][PERSONAL]


@pytest.mark.parametrize("keep_optimizer", [True, False])
def test_the_global_weights_are_those_of_fl_mr_bit_for_bit(run: Any, keep_optimizer: bool) -> None:
    options = {"rounds": 3, "local": {"keep_optimizer": keep_optimizer}}
    assert equal(run(Ditto(), **options).weights, run(FedAvg(), **options).weights)


LOCAL = [{}, {"keep_optimizer": False}, {"clip_norm": 0.1}, {"decay_every": 1}]


@pytest.mark.parametrize("local", LOCAL, ids=str)
def test_without_a_pull_every_site_trains_as_if_it_were_alone(setting: Any, local: Any) -> None:
    here = setting(local=local)
    here.run(Ditto(mu=0.0))
    for site in SITES:
        alone = setting(local=local, participants=(site,)).run(FedAvg())
        assert equal(personal_of(here, site), dict(alone.weights)), site


def plain(here: Setting, site: str, mu: float, rounds: int) -> Weights:
    """Algorithm 1's personal half in plain torch; w are those that the server sent."""
    sent = here.module().model.state_dict()
    module = here.module()
    optimizer = torch.optim.RMSprop(module.model.parameters(), lr=here.learning_rate)
    for round_ in range(rounds):
        batches = SiteBatches(here.sites[site], torch.device("cpu"), Workload(1), round_)
        for batch in batches.train():
            optimizer.zero_grad()
            (module.model(batch).image - batch.target).abs().mean().backward()
            for name, v in module.model.named_parameters():
                v.grad += mu * (v.detach() - sent[name])
            optimizer.step()
        path = here.folder / "checkpoints" / f"round_{round_:04}.pt"
        sent = read_checkpoint(path).weights
    return module.model.state_dict()


@pytest.mark.parametrize("mu", [0.3, 30.0])
def test_personal_weights_are_pulled_to_what_the_server_sent(setting: Any, mu: float) -> None:
    here = setting()
    here.run(Ditto(mu=mu))
    for site in SITES:
        expected = plain(here, site, mu, rounds=2)
        assert_close(personal_of(here, site), dict(expected), rtol=1e-4, atol=1e-5)


def test_more_pull_means_nearer_to_the_global_weights(setting: Any) -> None:
    distances = []
    for mu in (0.0, 100.0):
        here = setting()
        state = here.run(Ditto(mu=mu))
        own = personal_of(here, "east")
        distances.append(sum(float((own[k] - w).square().sum()) for k, w in state.weights.items()))
    assert distances[1] < distances[0]


@pytest.mark.parametrize("op", ["validate", "test"])
def test_a_site_is_scored_with_its_personal_weights_and_an_unseen_one_with_the_global(
    setting: Any, op: Any
) -> None:
    here = setting(participants=("east", "north"))
    federation = here.federation(Ditto())
    state = federation.run(here.module().model.state_dict())
    client: Any = federation.engine.clients["east"]
    own = client.call(op, Broadcast(2, state.weights), federation.engine.store.load("east"))
    as_if_global = client.call(op, Broadcast(2, personal_of(here, "east")), Memory())
    unseen = client.call(op, Broadcast(2, state.weights), Memory())
    told = {k.replace(RECONSTRUCTED, PERSONAL): v for k, v in as_if_global.metrics.items()}
    assert own.metrics == told
    assert list(own.metrics.values()) != list(unseen.metrics.values())


def test_nothing_personal_travels_or_is_in_the_checkpoint(setting: Any) -> None:
    here = setting()
    federation = here.federation(Ditto())
    state = federation.run(here.module().model.state_dict())
    assert state.extras == {}
    saved = read_checkpoint(here.folder / "checkpoints" / "last.pt")
    assert not equal(dict(saved.weights), personal_of(here, "east"))
    assert PRIVATE not in federation.engine.store.load("east").tensors


def test_a_resumed_run_has_the_same_personal_weights(setting: Any) -> None:
    whole, halves = setting(rounds=3), setting(rounds=1)
    whole.run(Ditto())
    halves.run(Ditto())
    halves.rounds = 3
    halves.run(Ditto())
    assert all(equal(personal_of(halves, s, 2), personal_of(whole, s, 2)) for s in SITES)


def test_the_journal_has_the_personal_loss(setting: Any) -> None:
    here = setting()
    federation = here.federation(Ditto())
    federation.run(here.module().model.state_dict())
    rows = [row for row in federation.journal.read() if row.metric == "personal_loss"]
    assert {(row.site, row.round) for row in rows} == {(s, r) for s in SITES for r in (0, 1)}
    assert all(row.value > 0 for row in rows)


def test_a_negative_pull_is_refused() -> None:
    with pytest.raises(ConfigErrors, match=r"strategy\.mu: at least 0; got -1"):
        Ditto(mu=-1)
