"""A worker answers for any site from what it is sent and what lies on disk."""

from functools import partial

import pytest
import torch
from kits.engines import STRATEGIES, clients, engine_of, messages
from kits.laws import equal
from kits.ledgers import keep_books

from flmrcm.engines.in_process import InProcess
from flmrcm.engines.worker import Worker
from flmrcm.errors import DataLayoutError
from flmrcm.federation.policy import SitePolicy
from flmrcm.federation.wire import Wire
from flmrcm.types import Broadcast

SCAFFOLD = STRATEGIES["scaffold"]


def worker(root, folder, kind="fp32"):
    factory = partial(clients, root, SCAFFOLD, folder, kind)
    return Worker(factory, folder / "memory", threads=1)


@pytest.fixture
def asked():
    message = messages()["east"]
    state = SCAFFOLD.start(message.weights, ["east"])
    return lambda round_: Broadcast(
        round_, message.weights, SCAFFOLD.build_extras("east", state, ())
    )


def test_each_call_may_go_to_another_worker(clinics, tmp_path, asked):
    here, kept = engine_of(partial(InProcess, threads=1), clinics, SCAFFOLD, tmp_path / "here"), {}
    for round_ in range(2):
        (expected,) = here.call("train", {"east": asked(round_)})
        message = asked(round_)
        reply, kept = worker(clinics, tmp_path).answer("train", "east", message, kept)
    assert kept == here.snapshot() == {"east": 1}
    assert equal(reply.weights, expected.weights)
    assert equal(reply.extras["control_change"], expected.extras["control_change"])


def test_a_worker_forgets_what_it_is_not_told_was_kept(clinics, tmp_path, asked):
    one = worker(clinics, tmp_path)
    first, _ = one.answer("train", "east", asked(0), {})
    again, _ = one.answer("train", "east", asked(0), {})
    assert equal(first.extras["control_change"], again.extras["control_change"])


def test_a_site_computes_in_float32_whatever_the_wire(clinics, tmp_path, asked):
    one = worker(clinics, tmp_path, "bf16")
    reply, _ = one.answer("train", "east", Wire("bf16").pack(asked(0)), {})
    memory = one.engine.store.load("east").tensors["control"]
    assert {tensor.dtype for tensor in reply.weights.values()} == {torch.bfloat16}
    assert {tensor.dtype for tensor in memory.values()} == {torch.float32}


def limited(root, folder):
    made = clients(root, SCAFFOLD, folder)
    payloads = ["weights", "metrics", "control_change"]
    keep_books(made, folder, SitePolicy(payloads=payloads, most_calls={"train": 2}))
    return made


def test_a_site_counts_calls_by_its_book_whichever_worker_answered(clinics, tmp_path, asked):
    one, other = (Worker(partial(limited, clinics, tmp_path), tmp_path, 1) for _ in range(2))
    called = [(one, 0), (other, 1), (one, 2), (other, 3)]
    replies = [w.answer("train", "east", asked(round_), {})[0] for w, round_ in called]
    assert [reply.error is None for reply in replies] == [True, True, False, False]
    assert "house policy: train was asked 2 times, 2 are allowed." in replies[2].error


def test_clients_that_cannot_be_made_are_told_by_the_call(tmp_path, asked):
    def missing():
        raise DataLayoutError("east: no such folder.")

    one = Worker(missing, tmp_path, 1)
    one.ready()
    with pytest.raises(DataLayoutError, match="no such folder"):
        one.answer("train", "east", asked(0), {})
