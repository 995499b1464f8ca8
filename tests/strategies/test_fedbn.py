"""FedBN: what a model's norm layers hold stays at its site, whatever it is called."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from kits.factories import make_unet
from kits.laws import Setting, equal, fed_bn
from torch import nn
from torch.testing import assert_close

from flmrcm.config.check import check_config
from flmrcm.config.compose import compose_config
from flmrcm.errors import ConfigErrors
from flmrcm.federation.batches import SiteBatches
from flmrcm.federation.workload import Workload
from flmrcm.middleware.ledger import LEDGER, Ledger
from flmrcm.models.cascade import Cascade
from flmrcm.models.modl import MoDL
from flmrcm.models.varnet import VarNet
from flmrcm.strategies.base import PRIVATE
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.strategies.fedbn import FedBN
from flmrcm.types import Weights

SITES = ("east", "north", "south")
WORDS = ["sites=simulated_pair", "size=tiny", "compute=cpu", "strategy=fedbn"]
NET = make_unet(norm="batch").state_dict()
NORMS = {name for name in NET if name not in make_unet().state_dict()}


def private_of(here: Setting, site: str, round_: int = 1) -> Weights:
    path = here.folder / "checkpoints" / "memory" / site / f"round_{round_:04}.pt"
    return torch.load(path, weights_only=True)["tensors"][PRIVATE]


@pytest.mark.parametrize("norm", ["instance_affine", "group", "batch"])
@pytest.mark.parametrize(
    "make",
    [lambda n: make_unet(norm=n), lambda n: VarNet(2, 2, 2, 2, 2, n), lambda n: MoDL(norm=n)],
)
def test_it_finds_all_that_a_norm_adds_to_a_network(make: Callable[..., Any], norm: str) -> None:
    net = make(norm)
    plain = {name for name in net.state_dict() if not FedBN().suit(net).is_shared(name)}
    owners = {type(net.get_submodule(name.rpartition(".")[0])) for name in plain}
    (kind,) = owners
    assert "Norm" in kind.__name__
    assert len(plain) == sum(len(m.state_dict()) for m in net.modules() if type(m) is kind)


def test_it_goes_by_the_layers_class_and_not_by_a_name() -> None:
    net = nn.ModuleDict({"norm": nn.Conv2d(1, 2, 3), "conv": nn.GroupNorm(1, 2)})
    strategy = FedBN(private=["norm.bias"]).suit(net)
    assert [name for name in net.state_dict() if strategy.is_shared(name)] == ["norm.weight"]


@pytest.mark.parametrize("net", [make_unet(), Cascade(2, 2, 4)], ids=["unet", "cascade"])
def test_where_norms_hold_nothing_it_would_be_fl_mr_and_is_refused(net: nn.Module) -> None:
    with pytest.raises(ConfigErrors, match=r"so it would be FL-MR; use model\.norm=instance_affin"):
        FedBN(name="FedBN").suit(net)


@pytest.mark.parametrize("model", ["unet", "unet_complex", "varnet", "cascade"])
def test_the_check_of_a_config_refuses_it_in_one_line(model: str) -> None:
    with pytest.raises(ConfigErrors) as caught:
        check_config(compose_config("train", [*WORDS, f"model={model}"]))
    (line,) = caught.value.problems
    assert line.startswith("strategy: FedBN keeps the weights of norm layers at their sites")


@pytest.mark.parametrize("word", ["model.norm=batch", "model.norm=group", "model=modl"])
def test_the_check_of_a_config_finds_the_names_and_the_config_stays_short(word: str) -> None:
    setup = check_config(compose_config("train", [*WORDS, word]))
    assert setup.list_private()
    assert setup.config["strategy"]["private"] == []


@pytest.mark.parametrize(("word", "line"), [
    ("model.norm=layer", "model.norm=layer: use one of instance, instance_affine, group, batch."),
    ("model=modl model.norm=instance", "model.norm=instance: use one of instance_affine, group"),
    ("model=cascade model.norm=batch", "model.norm: there is no such key"),
])  # fmt: skip
def test_a_norm_that_a_model_cannot_take_is_told_in_one_line(word: str, line: str) -> None:
    words = ["sites=simulated_pair", "compute=cpu", *word.split()]
    with pytest.raises(ConfigErrors) as caught:
        check_config(compose_config("train", words))
    (problem,) = caught.value.problems
    assert problem.startswith(line)


def plain(here: Setting, rounds: int) -> dict[str, Weights]:
    """Algorithm 1 of Li et al. in plain torch: every site's weights after the last average."""
    sites = {site: dict(here.module(FedBN()).model.state_dict()) for site in SITES}
    trained = here.module(FedBN())
    optimizers: dict[str, Any] = {}
    for round_ in range(rounds):
        for site, weights in sites.items():
            trained.model.load_state_dict(weights)
            optimizer = torch.optim.RMSprop(trained.model.parameters(), lr=here.learning_rate)
            optimizer.load_state_dict(optimizers.get(site, optimizer.state_dict()))
            batches = SiteBatches(here.sites[site], torch.device("cpu"), Workload(1), round_)
            for batch in batches.train():
                optimizer.zero_grad()
                (trained.model.train()(batch).image - batch.target).abs().mean().backward()
                optimizer.step()
            optimizers[site] = optimizer.state_dict()
            sites[site] = {k: v.clone() for k, v in trained.model.state_dict().items()}
        for name in sites["east"].keys() - NORMS:
            mean = torch.stack([weights[name] for weights in sites.values()]).mean(0)
            for weights in sites.values():
                weights[name] = mean
    return sites


def test_two_rounds_are_those_of_algorithm_one(setting: Any) -> None:
    here = setting()
    state = here.run(fed_bn())
    expected = plain(here, 2)
    for site in SITES:
        got = {**state.weights, **private_of(here, site)}
        assert got.keys() == expected[site].keys()
        assert_close(got, expected[site], rtol=1e-4, atol=1e-6)


def test_nothing_of_a_norm_is_in_a_message_or_in_the_checkpoint(setting: Any) -> None:
    here = setting()
    strategy = fed_bn()
    federation = here.federation(strategy)
    federation.chain.halves = here.server_chain(strategy, here.folder).halves
    state = federation.run(here.module(strategy).model.state_dict())
    crossed = {entry.name for entry in Ledger(here.folder / LEDGER).read()}
    assert crossed & NET.keys() == state.weights.keys() == NET.keys() - NORMS
    assert private_of(here, "east").keys() == NORMS


def test_every_site_counts_its_own_batches(setting: Any) -> None:
    here = setting()
    here.run(fed_bn())
    east, north = private_of(here, "east"), private_of(here, "north")
    counts = [name for name in NORMS if name.endswith("num_batches_tracked")]
    assert counts
    assert all(east[name].dtype == torch.int64 for name in counts)
    assert all(east[name] == 2 * 4 for name in counts)  # two rounds of four batches
    means = [name for name in NORMS if name.endswith("running_mean")]
    assert not any(torch.equal(east[name], north[name]) for name in means)


def test_without_what_it_keeps_it_is_fl_mr_bit_for_bit(setting: Any) -> None:
    here = setting()
    alone = here.federation(FedBN(), here.module(FedBN()))  # not suited to the network
    initial = here.module(FedBN()).model.state_dict()
    there = setting()
    averaged = there.federation(FedAvg(), there.module(FedBN()))
    assert equal(alone.run(initial).weights, averaged.run(initial).weights)
