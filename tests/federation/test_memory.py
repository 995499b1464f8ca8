"""A site's memory: saved by round, copied when saved and loaded, on disk within the budget."""

import pytest
import torch
from kits.file_queues import Late

from flmrcm.federation.memory import MemoryStore
from flmrcm.types import Memory


def memory(value: float) -> Memory:
    return Memory({"private": {"w": torch.full((4,), value)}}, {"model": {"state": {0: {"n": 1}}}})


@pytest.fixture(params=["ram", "disk", "disk without cache", "slow disk without cache"])
def store(request, tmp_path):
    folder = None if request.param == "ram" else tmp_path
    files = Late() if request.param.startswith("slow") else None
    return MemoryStore(folder, 0 if request.param.endswith("cache") else float("inf"), files)


def test_a_saved_memory_is_loaded_as_it_was(store):
    store.save("here", memory(1.0), 0)
    assert torch.equal(store.load("here").tensors["private"]["w"], torch.ones(4))
    assert store.load("here").optimizers == {"model": {"state": {0: {"n": 1}}}}


def test_a_site_never_seen_has_an_empty_memory(store):
    assert store.load("here") == Memory()


def test_a_loaded_memory_is_a_copy(store):
    store.save("here", memory(1.0), 0)
    store.load("here").tensors["private"]["w"].zero_()
    assert torch.equal(store.load("here").tensors["private"]["w"], torch.ones(4))


def test_nothing_private_leaves_no_trace(store):
    store.save("here", Memory(), 0)
    assert store.snapshot() == {}


def test_a_snapshot_brings_earlier_rounds_back(tmp_path):
    store = MemoryStore(tmp_path)
    store.save("here", memory(1.0), 0)
    before = store.snapshot()
    store.save("here", memory(2.0), 1)
    store.restore(before)
    assert torch.equal(store.load("here").tensors["private"]["w"], torch.ones(4))


def test_only_what_snapshots_name_stays(tmp_path):
    store = MemoryStore(tmp_path)
    for round_ in range(3):
        store.save("here", memory(float(round_)), round_)
    store.forget_before([{"here": 2}, {"here": 1}])
    assert {path.stem for path in tmp_path.rglob("*.pt")} == {"round_0001", "round_0002"}


def test_the_cache_stays_within_its_budget(tmp_path):
    store = MemoryStore(tmp_path, budget=20)
    for site in ("east", "north"):
        store.save(site, memory(1.0), 0)
    assert len(store._cached) == 1
