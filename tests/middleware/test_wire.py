"""float32 tensors travel as they are or in 16 bits; all others travel unchanged."""

import pytest
import torch

from flmrcm.errors import ConfigErrors, FlmrcmError
from flmrcm.federation.middleware import ServerSide, SiteSide
from flmrcm.middleware.ledger import list_received, list_sent
from flmrcm.middleware.wire import Wire
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.types import Broadcast, Memory, Reply

DTYPES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}


def message(cls=Broadcast, value=1.0):
    weights = {"w": torch.full((3,), value), "count": torch.tensor(7)}
    extras = {"control": {"c": torch.full((2,), value, dtype=torch.float64)}}
    return cls(0 if cls is Broadcast else "east", weights=weights, extras=extras)


@pytest.mark.parametrize("kind", ["fp32", "bf16", "fp16"])
@pytest.mark.parametrize("cls", [Broadcast, Reply])
def test_what_every_kind_can_hold_arrives_as_it_left(kind, cls):
    wire, sent = Wire(kind), message(cls, 0.5)
    arrived = wire.unpack(wire.pack(sent))
    for one, other in [(arrived.weights, sent.weights), *zip(
        arrived.extras.values(), sent.extras.values(), strict=True
    )]:  # fmt: skip
        assert all(torch.equal(one[name], other[name]) for name in other)
        assert all(one[name].dtype == other[name].dtype for name in other)


@pytest.mark.parametrize(("kind", "error"), [("fp32", 0), ("fp16", 2**-11), ("bf16", 2**-8)])
def test_rounding_is_no_larger_than_the_types_precision(kind, error):
    wire, x = Wire(kind), torch.linspace(0.1, 9, 1000)
    y = wire.unpack(wire.pack(Broadcast(0, {"x": x}))).weights["x"]
    assert ((y - x).abs() <= error * x).all()
    assert bool((y != x).any()) == (kind != "fp32")


@pytest.mark.parametrize(("kind", "n"), [("fp32", 12 + 8), ("bf16", 6 + 8), ("fp16", 6 + 8)])
def test_half_the_bytes_of_float32_travel(kind, n):
    packed = Wire(kind).pack(message()).weights
    assert sum(tensor.nbytes for tensor in packed.values()) == n


@pytest.mark.parametrize("kind", ["fp32", "bf16", "fp16"])
def test_both_halves_round_where_tensors_leave_and_widen_where_they_arrive(kind):
    wire, reply, memory = Wire(kind), message(cls=Reply), Memory()
    site = wire.build_site_half(SiteSide("east", FedAvg()))
    server = wire.build_server_half(ServerSide(FedAvg()))
    sent = server.before("train", {"east": message()})["east"]
    received = site.after("train", 0, reply, memory)
    arrived = site.before("train", sent, memory), server.after("train", sent, received)
    travelling = [*list_sent("train", "east", sent), *list_received("train", 0, received)]
    assert {entry.dtype for entry in travelling if entry.name == "w"} == {DTYPES[kind]}
    assert {held.weights["w"].dtype for held in arrived} == {torch.float32}


def test_a_value_that_fp16_cannot_hold_is_refused():
    with pytest.raises(
        FlmrcmError, match=r"middleware\.wire\.kind=fp16: a value of 'w' is too large"
    ):
        Wire("fp16").pack(message(value=1e5))
    Wire("bf16").pack(message(value=1e5))


def test_an_infinity_travels():
    assert Wire("fp16").pack(message(value=float("inf"))).weights["w"].isinf().all()


def test_an_unknown_kind_is_refused():
    with pytest.raises(
        ConfigErrors, match=r"middleware\.wire\.kind=fp8: use one of fp32, bf16, fp16"
    ):
        Wire("fp8")
