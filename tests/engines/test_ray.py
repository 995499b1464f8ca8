"""Ray: refused where it cannot run; half the bytes on the wire."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from kits.engines import behind, engine_of, messages, needs_ray, setting
from kits.ledgers import Scale, count_bytes, count_recorded, read_ledgers

from flmrcm.engines import ray
from flmrcm.engines.ray import RayActors
from flmrcm.errors import ConfigErrors
from flmrcm.federation.clients import Clients
from flmrcm.federation.memory import MemoryStore
from flmrcm.middleware.ledger import LEDGER
from flmrcm.strategies.fedavg import FedAvg

NOBODY = Clients({}, dict)


@pytest.fixture
def installed(monkeypatch):
    monkeypatch.setattr(ray, "find_spec", lambda name: name)


def test_without_ray_one_line_names_the_extra(monkeypatch):
    monkeypatch.setattr(ray, "find_spec", lambda _: None)
    with pytest.raises(ConfigErrors, match=r"^engine=ray: .* pip install 'flmrcm\[ray\]'\.$"):
        RayActors(NOBODY, MemoryStore())


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"actors": 0}, "engine.actors: at least 1; got 0."),
        ({"threads": 0}, "engine.threads: at least 1; got 0."),
    ],
)
def test_a_value_outside_its_range_is_refused(installed, options, line):
    with pytest.raises(ConfigErrors, match=line.replace("?", r"\?")):
        RayActors(NOBODY, MemoryStore(), **options)


def test_a_gpu_is_refused_where_there_is_none(installed, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(ConfigErrors, match=r"engine\.gpus_per_site: .* shows torch 0 GPUs"):
        RayActors(NOBODY, MemoryStore(), gpus_per_site=0.5)


def test_an_engine_that_is_not_called_starts_nothing(installed, monkeypatch):
    monkeypatch.setattr(ray, "start_ray", None)
    RayActors(NOBODY, MemoryStore()).close()


@pytest.fixture(scope="module")
def engine(clinics, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ray")
    make = partial(RayActors, actors=1, threads=1)
    engine = engine_of(make, clinics, FedAvg(), folder, "bf16")
    yield engine
    engine.close()


@needs_ray
def test_half_the_bytes_travel_and_both_ledgers_agree(engine, clinics, tmp_path_factory):
    here = setting(clinics, engine.store.folder.parents[1], rounds=1, participants=["east"])
    for path in here.folder.rglob(LEDGER):
        path.unlink()
    scale = Scale(engine)
    plan = {"plan": {"validate_every": 9}}
    federation = replace(here, **plan).federation(FedAvg())
    state = behind(scale, federation, "bf16").run(messages()["east"].weights)
    assert {tensor.dtype for tensor in state.weights.values()} == {torch.float32}
    coordinator, sites = read_ledgers(here.folder)
    assert count_recorded(here.folder) == scale.n_bytes
    assert coordinator == sites
    assert {e.dtype for e in coordinator if e.kind == "weights"} == {"bfloat16"}
    crossed = [row.value for row in federation.journal.read() if row.split == "wire"]
    assert crossed == [count_bytes(messages()["east"]) / 2] * 2
