"""The table of strategies on their page is what their classes say and a federation measures."""

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from kits.factories import make_unet
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
MODEL = make_unet().state_dict()


def build(name: str) -> Strategy:
    """Return the strategy of a word as the config builds it, with the target of the laws."""
    strategy = check_config(compose_config("train", [*WORDS, f"strategy={name}"])).strategy
    return replace(strategy, target=TARGET if strategy.needs_target else None)


def find_paper(kind: type[Strategy]) -> str:
    """Return the first paper in the docstrings of a class and its module."""
    text = " ".join(f"{kind.__doc__} {sys.modules[kind.__module__].__doc__}".split())
    found = re.search(r"\(([^()]*(?:[A-Z]\w* \d{4}|arXiv [\d.]+)[^()]*)\)", text)
    assert found, kind
    return re.sub(r", (section|algorithm|equation) [\d.]+", "", found[1])


def measure(kind: str, tensors: Weights) -> str:
    """Return a kind of tensors in units of the model; what is not shaped like it by name alone."""
    if not tensors.keys() <= MODEL.keys():
        return f"`{kind}`"
    whole = sum(tensor.nbytes for tensor in MODEL.values())
    return f"`{kind}` {sum(tensor.nbytes for tensor in tensors.values()) / whole:.2f}"


def describe(kinds: Mapping[str, Weights]) -> list[str]:
    """Return each kind in words, those that only count left out."""
    large = {kind: tensors for kind, tensors in kinds.items() if kind != "count" and tensors}
    return [measure(kind, tensors) for kind, tensors in sorted(large.items())]


def list_crossing(folder: Path, way: str) -> str:
    """Return the kinds beside weights and numbers that crossed in the second round."""
    kinds: dict[str, Weights] = {}
    for entry in Ledger(folder / LEDGER).read():
        crossed = entry.round == 1 and entry.way == way and entry.op in ("survey", "train")
        if crossed and entry.kind not in ("weights", METRICS):
            held = torch.empty(entry.bytes, dtype=torch.uint8)
            kinds.setdefault(entry.kind, {})[entry.name] = held
    return ", ".join(describe(kinds))


def share_weights(strategy: Strategy) -> float:
    """Return the part of the published U-Net that travels."""
    with torch.device("meta"):
        sizes = {name: tensor.numel() for name, tensor in UNet(32, 4).state_dict().items()}
    shared = sum(size for name, size in sizes.items() if strategy.is_shared(name))
    return shared / sum(sizes.values())


def make_row(name: str, setting: Callable[..., Setting]) -> str:
    """Run a strategy for two rounds, and return its line of the table."""
    strategy, here = build(name), setting(rounds=2)
    federation = here.federation(strategy)
    federation.chain.halves = here.server_chain(strategy, here.folder).halves
    state = federation.run(here.module().model.state_dict())
    memory = federation.engine.store.load("east")
    optimizers = [f"optimizer of `{kind}`" for kind in sorted(memory.optimizers) if kind != "model"]
    kept = {kind: tensors for kind, tensors in memory.tensors.items() if kind != PRIVATE}
    travels = share_weights(strategy)
    private = [f"`{PRIVATE}` {1 - travels:.2f}"] if PRIVATE in memory.tensors else []
    stays = ", ".join([*private, *describe(kept), *optimizers])
    cells = [
        f"`{name}`", find_paper(type(strategy)), f"{travels:.2f}",
        list_crossing(here.folder, TO_SITE), list_crossing(here.folder, FROM_SITE), stays,
        ", ".join(describe(state.extras)), strategy.per_step,
        "with a latent" if strategy.needs_latents else "all",
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
