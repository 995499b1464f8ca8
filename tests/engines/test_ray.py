"""Ray: refused where it can't run, half bytes on the wire, a killed actor is one line."""

import os
from functools import partial

import pytest
import torch
from engines_kit import clients, engine_of, messages, needs_ray

from flmrcm.engines import ray
from flmrcm.engines.ray import RayActors
from flmrcm.errors import ConfigErrors
from flmrcm.federation.crew import Crew
from flmrcm.federation.memory import MemoryStore
from flmrcm.strategies.fedavg import FedAvg

NOBODY = Crew({}, dict)


@pytest.fixture
def installed(monkeypatch):
    monkeypatch.setattr(ray, "find_spec", lambda name: name)


def test_without_ray_one_line_names_the_extra(monkeypatch):
    monkeypatch.setattr(ray, "find_spec", lambda _: None)
    with pytest.raises(ConfigErrors, match=r"^engine=ray: .* pip install 'flmrcm\[ray\]'\.$"):
        RayActors(NOBODY, MemoryStore())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"actors": 0}, "engine.actors: at least 1; got 0."),
        ({"threads": 0}, "engine.threads: at least 1; got 0."),
        ({"wire": "bf61"}, "engine.wire=bf61: use one of fp32, bf16, fp16. Did you mean 'bf16'?"),
    ],
)
def test_a_value_outside_its_range_is_refused(installed, options, said):
    with pytest.raises(ConfigErrors, match=said.replace("?", r"\?")):
        RayActors(NOBODY, MemoryStore(), **options)


def test_a_gpu_is_refused_where_there_is_none(installed, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(ConfigErrors, match=r"engine\.gpus_per_site: .* shows torch 0 GPUs"):
        RayActors(NOBODY, MemoryStore(), gpus_per_site=0.5)


def test_an_engine_that_is_not_called_starts_nothing(installed, monkeypatch):
    monkeypatch.setattr(ray, "started", None)
    RayActors(NOBODY, MemoryStore()).close()


def unlucky(root, mine):
    """Gives clients whose south meets a bug, and whose west ends any process but this one."""
    crew = clients(root, FedAvg())
    crew["south"].call = lambda *_: [][1]
    if os.getpid() != mine:
        crew["west"].call = lambda *_: os._exit(1)
    return crew


@needs_ray
def test_a_killed_actor_and_a_bug_are_one_line_each_and_another_actor_takes_over(clinics, tmp_path):
    engine = engine_of(partial(RayActors, actors=1, wire="bf16"), clinics, FedAvg(), tmp_path)
    engine.recipe = partial(unlucky, clinics, os.getpid())
    east, south, west = engine.call("train", messages(("east", "south", "west")))
    assert {tensor.dtype for tensor in east.weights.values()} == {torch.float32}
    assert south.error == "site south, round 0: IndexError: list index out of range"
    assert west.error.startswith("site west, round 0: its process ended")
    (again,) = engine.call("train", messages(("east",)))
    assert again.error is None
    engine.close()
