"""A worker answers for any site from what it is sent and what lies on disk."""

from functools import partial

import pytest
import torch
from kits.engines import STRATEGIES, clients, engine_of, messages
from kits.laws import equal
from kits.ledgers import add_ledgers

from flmrcm.engines.in_process import InProcess
from flmrcm.engines.site_worker import SiteWorker
from flmrcm.errors import DataLayoutError
from flmrcm.federation.memory import MemoryStore
from flmrcm.middleware.policy import SitePolicy
from flmrcm.middleware.wire import Wire
from flmrcm.types import Broadcast

SCAFFOLD = STRATEGIES["scaffold"]


def worker(root, folder, kind="fp32"):
    factory = partial(clients, root, SCAFFOLD, folder, kind)
    return SiteWorker(factory, folder / "memory", threads=1)


@pytest.fixture
def message():
    """Returns the message of a round."""
    sent = messages()["east"]
    state = SCAFFOLD.start(sent.weights, ["east"])
    return lambda round_: Broadcast(round_, sent.weights, SCAFFOLD.build_extras("east", state, ()))


def test_each_call_may_go_to_another_worker(clinics, tmp_path, message):
    here = engine_of(partial(InProcess, threads=1), clinics, SCAFFOLD, tmp_path / "here")
    kept = None
    for round_ in range(2):
        (expected,) = here.call("train", {"east": message(round_)})
        one = worker(clinics, tmp_path)
        reply, kept = one.answer("train", "east", message(round_), kept, None)
    assert {"east": kept} == here.snapshot() == {"east": 1}
    assert equal(reply.weights, expected.weights)
    assert equal(reply.extras["control_change"], expected.extras["control_change"])


def test_a_worker_forgets_what_a_call_does_not_name(clinics, tmp_path, message):
    one = worker(clinics, tmp_path)
    first, _ = one.answer("train", "east", message(0), None, None)
    again, _ = one.answer("train", "east", message(0), None, None)
    assert equal(first.extras["control_change"], again.extras["control_change"])


def test_a_site_computes_in_float32_whatever_the_wire(clinics, tmp_path, message):
    one = worker(clinics, tmp_path, "bf16")
    reply, kept = one.answer("train", "east", Wire("bf16").pack(message(0)), None, None)
    store = MemoryStore(tmp_path / "memory")
    store.restore({"east": kept})
    memory = store.load("east").tensors["control"]
    assert {tensor.dtype for tensor in reply.weights.values()} == {torch.bfloat16}
    assert {tensor.dtype for tensor in memory.values()} == {torch.float32}


def limited(root, folder):
    built = clients(root, SCAFFOLD, folder)
    payloads = ["weights", "metrics", "control_change"]
    few = {"fewest_slices": 1, "fewest_steps": 1}
    add_ledgers(built, folder, SitePolicy(payloads=payloads, most_calls={"train": 2}, **few))
    return built


def test_a_site_counts_calls_beside_its_policy_whoever_answered(clinics, tmp_path, message):
    one, other = (SiteWorker(partial(limited, clinics, tmp_path), tmp_path, 1) for _ in range(2))
    called = [(one, 0), (other, 1), (one, 2), (other, 3)]
    replies = [w.answer("train", "east", message(round_), None, None)[0] for w, round_ in called]
    assert [reply.error is None for reply in replies] == [True, True, False, False]
    assert "site policy: train was called 2 times, 2 are allowed." in replies[2].error


def test_clients_that_cannot_be_made_are_an_error_of_the_call(tmp_path, message):
    def missing():
        raise DataLayoutError("east: no such folder.")

    one = SiteWorker(missing, tmp_path, 1)
    one.ready()
    with pytest.raises(DataLayoutError, match="no such folder"):
        one.answer("train", "east", message(0), None, None)
