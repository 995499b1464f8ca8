"""FedMRI: its term in plain torch, what stays at a site, and what its published form tells."""

from typing import Any

import pytest
import torch
from kits.factories import make_batch, make_context, make_learner
from kits.laws import Setting, equal
from torch import Tensor, nn
from torch.testing import assert_close

from flmrcm.errors import ConfigErrors
from flmrcm.federation.batches import SiteBatches
from flmrcm.federation.workload import Workload
from flmrcm.middleware.ledger import FROM_SITE, LEDGER, TO_SITE, Ledger
from flmrcm.strategies.base import PRIVATE
from flmrcm.strategies.fedmri import ALL, ENCODERS, OWN, PREVIOUS, FedMRI, split_encoders
from flmrcm.strategies.fedper import FedPer
from flmrcm.types import Broadcast, Memory, Weights

SITES = ("east", "north", "south")
BATCH = make_batch(3)
NAMES = make_learner().model.state_dict().keys()
ENCODER = {name for name in NAMES if not name.startswith("up_")}


def encoder_of(model: nn.Module) -> Weights:
    return {k: v.detach().clone() for k, v in model.state_dict().items() if k in ENCODER}


def memory_of(here: Setting, site: str, round_: int = 1) -> dict[str, Weights]:
    path = here.folder / "checkpoints" / "memory" / site / f"round_{round_:04}.pt"
    return torch.load(path, weights_only=True)["tensors"]


def compare(model: nn.Module, sent: Weights, others: list[Weights]) -> Tensor:
    """The authors' ratio of distances, weight by weight."""
    near = far = torch.zeros(())
    for name, weight in model.named_parameters():
        if name in sent:
            near = near + torch.norm(weight - sent[name], p=1)
            far = far + sum(torch.norm(weight - other[name], p=1) for other in others)
    return near / far


@pytest.mark.parametrize("beta", [1.0, 100.0])
def test_the_term_and_its_gradient_are_the_authors(beta: float) -> None:
    ours, theirs = make_learner(seed=3), make_learner(seed=3)
    sent, previous = (encoder_of(make_learner(seed=seed).model) for seed in (1, 2))
    context = make_context(
        ours, message=Broadcast(1, sent), memory=Memory({PREVIOUS: dict(previous)})
    )
    term = FedMRI(beta=beta).local_rule(context).penalty(ours.training_step(BATCH), BATCH)
    expected = beta * compare(theirs.model, sent, [previous])
    assert isinstance(term, Tensor)
    assert_close(term, expected)
    term.backward()
    expected.backward()
    for (name, one), two in zip(ours.model.named_parameters(), theirs.parameters(), strict=True):
        assert (one.grad is None) == (name not in ENCODER)
        if one.grad is not None:
            assert_close(one.grad, two.grad, rtol=1e-4, atol=1e-6, msg=name)


def plain(here: Setting, beta: float, negatives: str) -> dict[str, Weights]:
    """Whole rounds in plain torch: every site's weights after the last average."""
    module = here.module()
    sites = {site: dict(here.module().model.state_dict()) for site in SITES}
    last: dict[str, Weights] = {}
    optimizers: dict[str, Any] = {}
    for round_ in range(here.rounds):
        trained: dict[str, Weights] = {}
        for site, sent in sites.items():
            sent = {k: v.clone() for k, v in sent.items()}
            module.model.load_state_dict(sent)
            others = list(last.values()) if negatives == ALL else [last[site]] if last else []
            optimizer = torch.optim.RMSprop(module.model.parameters(), lr=here.learning_rate)
            optimizer.load_state_dict(optimizers.get(site, optimizer.state_dict()))
            batches = SiteBatches(here.sites[site], torch.device("cpu"), Workload(1), round_)
            for batch in batches.train():
                loss = (module.model(batch).image - batch.target).abs().mean()
                if others:
                    encoder = {name: sent[name] for name in ENCODER}
                    loss = loss + beta * compare(module.model, encoder, others)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            optimizers[site] = optimizer.state_dict()
            trained[site] = {k: v.clone() for k, v in module.model.state_dict().items()}
        last = {site: {k: v for k, v in w.items() if k in ENCODER} for site, w in trained.items()}
        mean = {k: torch.stack([w[k] for w in last.values()]).mean(0) for k in ENCODER}
        sites = {site: {**weights, **mean} for site, weights in trained.items()}
    return sites


@pytest.mark.parametrize("negatives", [OWN, ALL])
@pytest.mark.parametrize("beta", [0.3, 30.0])
def test_whole_rounds_are_those_of_plain_torch(setting: Any, beta: float, negatives: str) -> None:
    here = setting(rounds=3)
    state = here.run(FedMRI(beta=beta, negatives=negatives))
    expected = plain(here, beta, negatives)
    for site in SITES:
        got = {**state.weights, **memory_of(here, site, 2)[PRIVATE]}
        assert_close(got, expected[site], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("negatives", [OWN, ALL])
def test_without_weight_it_is_fedper_bit_for_bit(setting: Any, negatives: str) -> None:
    here, there = setting(rounds=3), setting(rounds=3)
    one = here.run(FedMRI(beta=0.0, negatives=negatives))
    assert equal(one.weights, there.run(FedPer()).weights)
    for site in SITES:
        assert equal(*(memory_of(x, site, 2)[PRIVATE] for x in (here, there)))


def test_its_first_round_is_fedper_and_its_second_its_own(run: Any) -> None:
    assert equal(run(FedMRI(), rounds=1).weights, run(FedPer(), rounds=1).weights)
    assert not equal(run(FedMRI(), rounds=2).weights, run(FedPer(), rounds=2).weights)


def test_the_term_draws_the_encoder_to_the_global_one(setting: Any) -> None:
    distances: list[Tensor] = []
    for beta in (0.0, 1e4):
        here = setting(rounds=2)
        here.run(FedMRI(beta=beta))
        mean = [memory_of(here, site, 0)[PREVIOUS] for site in SITES]
        own = memory_of(here, "east")[PREVIOUS]
        sent = {k: torch.stack([w[k] for w in mean]).mean(0) for k in ENCODER}
        distances.append(torch.stack([(own[k] - sent[k]).abs().sum() for k in ENCODER]).sum())
    assert distances[1] < distances[0]


def test_a_site_alone_is_drawn_nowhere_and_never_divides_by_zero(setting: Any) -> None:
    one, other = (setting(participants=("east",), rounds=3) for _ in range(2))
    alone, plainly = one.run(FedMRI(beta=1.0)), other.run(FedPer())
    assert_close(dict(alone.weights), dict(plainly.weights), rtol=1e-2, atol=1e-3)


def cross(here: Setting, strategy: FedMRI) -> dict[tuple[str, str], set[str]]:
    """Return the names of the tensors that crossed in each direction, by kind."""
    federation = here.federation(strategy)
    federation.chain.halves = here.server_chain(strategy, here.folder).halves
    federation.run(here.module().model.state_dict())
    names: dict[tuple[str, str], set[str]] = {}
    for entry in Ledger(here.folder / LEDGER).read():
        if entry.op == "train" and entry.kind != "metrics":
            names.setdefault((entry.way, entry.kind), set()).add(entry.name)
    return names


def test_only_the_encoder_travels_and_the_own_previous_one_is_in_the_memory_alone(
    setting: Any,
) -> None:
    here = setting()
    assert cross(here, FedMRI()) == {(way, "weights"): ENCODER for way in (TO_SITE, FROM_SITE)}
    kept = memory_of(here, "east")
    assert (kept.keys(), kept[PREVIOUS].keys()) == ({PREVIOUS, PRIVATE}, ENCODER)


def test_the_published_form_sends_every_site_s_encoder_and_no_decoder(setting: Any) -> None:
    here = setting()
    crossed = cross(here, FedMRI(negatives=ALL))
    assert crossed.pop((TO_SITE, ENCODERS)) == {f"{n}-{s}" for n in ENCODER for s in SITES}
    assert crossed == {(way, "weights"): ENCODER for way in (TO_SITE, FROM_SITE)}
    assert memory_of(here, "east").keys() == {PRIVATE}


def test_encoders_of_sites_with_any_names_are_told_apart() -> None:
    one, two = torch.zeros(1), torch.ones(1)
    sent = {ENCODERS: {"a.w-site-1.b": one, "a.w-x": two, "b-site-1.b": two, "b-x": one}}
    assert split_encoders(Broadcast(1, {}, sent)) == [
        {"a.w": one, "b": two},
        {"a.w": two, "b": one},
    ]


def test_a_site_that_missed_a_round_stays_among_those_compared_with(setting: Any) -> None:
    here = setting(rounds=4, plan={"participation": 0.5})
    state = here.run(FedMRI(negatives=ALL))
    told = {name.partition("-")[2] for name in state.extras[ENCODERS]}
    assert told == set(SITES)


@pytest.mark.parametrize(
    ("options", "line"),
    [({"beta": -1}, r"beta: at least 0; got -1"), ({"negatives": "none"}, "negatives=none: use")],
)
def test_a_value_out_of_range_is_refused(options: Any, line: str) -> None:
    with pytest.raises(ConfigErrors, match=rf"strategy\.{line}"):
        FedMRI(**options)
