"""The table of strategies on their page is what their classes say and a federation measures."""

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from kits.laws import TARGET, Setting

from flmrcm.config.check import check_config
from flmrcm.config.compose import compose_config
from flmrcm.config.conf_files import list_options
from flmrcm.middleware.ledger import FROM_SITE, LEDGER, METRICS, TO_SITE, Ledger
from flmrcm.models.unet import UNet
from flmrcm.strategies.base import PRIVATE, Strategy
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.types import Weights

PAGE = (Path(__file__).parents[2] / "docs/strategies.md").read_text()
NAMES = list_options("strategy")
DESCENT = "local.optimizer._target_=torch.optim.SGD"
WORDS = ["sites=simulated_pair", "compute=cpu", "model.channels=2", "model.pools=2", DESCENT]
NORM = {"fedbn": "batch"}
"""Of a strategy that needs norms of another kind."""


def build(name: str) -> Strategy:
    """Return the strategy of a word as the config builds it, with the target of the laws."""
    words = [*WORDS, f"strategy={name}", f"model.norm={NORM.get(name, 'instance')}"]
    strategy = check_config(compose_config("train", words)).strategy
    return replace(strategy, target=TARGET if strategy.needs_target else None)


def find_paper(kind: type[Strategy]) -> str:
    """Return the first paper in the docstrings of a class and its module."""
    text = " ".join(f"{kind.__doc__} {sys.modules[kind.__module__].__doc__}".split())
    found = re.search(r"\(([^()]*(?:[A-Z]\w* \d{4}|arXiv [\d.]+)[^()]*)\)", text)
    assert found, kind
    return re.sub(r", (section|algorithm|equation) [\d.]+", "", found[1])


def write_part(part: float) -> str:
    """Return a part of the model; what is not quite all or nothing is not said to be."""
    if 0 < part < 0.005 or 0.995 <= part < 1:
        return "under 0.01" if part < 0.5 else "over 0.99"
    return f"{part:.2f}"


def describe(kinds: Mapping[str, Weights], shared: Weights, travels: float) -> list[str]:
    """Return each kind, in units of the model where it is shaped like what is shared.

    What only counts is left out.
    """
    large = {kind: tensors for kind, tensors in kinds.items() if kind != "count" and tensors}
    return [
        f"`{kind}` {write_part(travels)}" if tensors.keys() == shared.keys() else f"`{kind}`"
        for kind, tensors in sorted(large.items())
    ]


def list_crossing(folder: Path, way: str, shared: Weights, travels: float) -> str:
    """Return the kinds beside weights and numbers that crossed in the second round."""
    kinds: dict[str, Weights] = {}
    for entry in Ledger(folder / LEDGER).read():
        crossed = entry.round == 1 and entry.way == way and entry.op in ("survey", "train")
        if crossed and entry.kind not in ("weights", METRICS):
            held = torch.empty(entry.bytes, dtype=torch.uint8)
            kinds.setdefault(entry.kind, {})[entry.name] = held
    return ", ".join(describe(kinds, shared, travels))


def share_weights(strategy: Strategy, norm: str) -> float:
    """Return the part of the published U-Net that travels."""
    with torch.device("meta"):
        net = UNet(32, 4, norm=norm)
    strategy = strategy.suit(net)
    sizes = {name: tensor.numel() for name, tensor in net.state_dict().items()}
    shared = sum(size for name, size in sizes.items() if strategy.is_shared(name))
    return shared / sum(sizes.values())


def make_row(name: str, setting: Callable[..., Setting]) -> str:
    """Run a strategy for two rounds, and return its line of the table."""
    strategy, here = build(name), setting(rounds=2)
    federation = here.federation(strategy)
    federation.chain.halves = here.server_chain(strategy, here.folder).halves
    state = federation.run(here.module(strategy).model.state_dict())
    memory = federation.engine.store.load("east")
    optimizers = [f"optimizer of `{kind}`" for kind in sorted(memory.optimizers) if kind != "model"]
    kept = {kind: tensors for kind, tensors in memory.tensors.items() if kind != PRIVATE}
    travels = share_weights(strategy, NORM.get(name, "instance"))
    private = [f"`{PRIVATE}` {write_part(1 - travels)}"] if PRIVATE in memory.tensors else []
    seen = state.weights, travels
    stays = ", ".join([*private, *describe(kept, *seen), *optimizers])
    ways = [list_crossing(here.folder, way, *seen) for way in (TO_SITE, FROM_SITE)]
    models = "with norm weights" if name in NORM else "all"
    cells = [
        f"`{name}`", find_paper(type(strategy)), write_part(travels), *ways, stays,
        ", ".join(describe(state.extras, *seen)), strategy.per_step,
        "with a latent" if strategy.needs_latents else models,
    ]  # fmt: skip
    return f"| {' | '.join(cell or '–' for cell in cells)} |"


def test_every_strategy_has_one_line() -> None:
    assert re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_line_is_what_the_class_says_and_a_run_measures(
    setting: Callable[..., Setting], name: str
) -> None:
    (line,) = re.findall(rf"^\| `{name}` \|.*$", PAGE, re.MULTILINE)
    assert make_row(name, setting) == line


def test_a_plain_round_leaves_no_more_than_an_optimizer(setting: Callable[..., Setting]) -> None:
    here = setting(rounds=1)
    federation = here.federation(FedAvg())
    federation.run(here.module().model.state_dict())
    memory = federation.engine.store.load("east")
    assert (memory.tensors, list(memory.optimizers)) == ({}, ["model"])
