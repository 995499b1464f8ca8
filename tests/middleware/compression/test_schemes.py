"""What every scheme of compression keeps to, and what each of them is for."""

import tracemalloc
import zlib

import pytest
import torch

from flmrcm.errors import ConfigErrors
from flmrcm.middleware.compression.bfloat16 import BFloat16
from flmrcm.middleware.compression.packing import (
    PayloadError,
    decode_bytes,
    encode_bytes,
    pack,
    subtract,
    unpack,
)
from flmrcm.middleware.compression.powersgd import PowerSGD
from flmrcm.middleware.compression.quantised import Quantised
from flmrcm.middleware.compression.top_k import TopK, decode_places, encode_places

SCHEMES = {
    "bf16": BFloat16(),
    "int8": Quantised(),
    "int8, a scale a tensor": Quantised(scale="tensor"),
    "int8, drawn": Quantised(rounding="stochastic"),
    "int4": Quantised(4),
    "int4, drawn": Quantised(4, "stochastic"),
    "top_k": TopK(),
    "top_k, all": TopK(1),
    "powersgd": PowerSGD(),
}
EACH = pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)


def make_changes(**shapes):
    draws = torch.Generator().manual_seed(0)
    shapes = shapes or {"conv": (16, 8, 3, 3), "bias": (16,), "scalar": (), "up": (8, 4, 2, 2)}
    return {name: torch.randn(shape, generator=draws) * 0.01 for name, shape in shapes.items()}


def shapes_of(tensors):
    return {name: tensor.shape for name, tensor in tensors.items()}


def arrive(scheme, changes, seed=1):
    return scheme.restore(scheme.shrink(changes, seed), shapes_of(changes))


def count(tensors):
    return sum(tensor.nbytes for tensor in tensors.values())


@EACH
def test_changes_arrive_by_name_and_shape_and_as_the_same_bits_again(scheme):
    changes = make_changes()
    one, other = arrive(scheme, changes), arrive(scheme, dict(reversed(changes.items())))
    assert shapes_of(one) == shapes_of(changes)
    assert all(tensor.dtype == torch.float32 for tensor in one.values())
    assert all(torch.equal(one[name], other[name]) for name in changes)


@EACH
def test_no_change_arrives_as_none(scheme):
    zeros = {name: torch.zeros_like(x) for name, x in make_changes().items()}
    assert all(not x.any() for x in arrive(scheme, zeros).values())


@EACH
def test_batch_statistics_arrive_whole_so_no_variance_falls_below_zero(scheme):
    before = make_changes() | {"norm.running_var": torch.tensor([5.0, 1.0])}
    after = make_changes() | {"norm.running_var": torch.tensor([0.01, 1000.0])}
    after["conv"] = before["conv"] + 1e-3
    changes = subtract(after, before)
    assert "norm.running_var" not in changes
    arrived = scheme.decode(pack(after, scheme.shrink(changes, 1)), before)
    assert torch.equal(arrived["norm.running_var"], after["norm.running_var"])
    assert shapes_of(arrived) == shapes_of(after)


@EACH
def test_a_tensor_without_values_is_no_obstacle(scheme):
    changes = make_changes() | {"empty": torch.zeros(0, 3)}
    assert arrive(scheme, changes)["empty"].shape == (0, 3)


@pytest.mark.parametrize(
    ("scheme", "most"),
    [("bf16", 2), ("int8", 1.1), ("int4", 0.55), ("top_k", 0.3), ("powersgd", 1.6)],
)
def test_a_weight_takes_so_many_bytes_instead_of_four(scheme, most):
    changes = make_changes(conv=(64, 32, 3, 3))
    assert count(SCHEMES[scheme].shrink(changes, 1)) < most * changes["conv"].numel()


@pytest.mark.parametrize(("bits", "levels"), [(8, 127), (4, 7)])
def test_the_nearest_level_is_at_most_half_a_level_away(bits, levels):
    changes = make_changes()
    sent = arrive(Quantised(bits), changes)["conv"].flatten(1)
    there = changes["conv"].flatten(1)
    step = there.abs().amax(1, keepdim=True) / levels
    assert ((sent - there).abs() <= 0.5001 * step).all()
    assert len(torch.unique(torch.round(sent / step))) <= 2 * levels + 1


def test_a_channel_of_small_changes_has_a_scale_of_its_own():
    changes = {"conv": torch.tensor([[1.0, -2.0], [1e-6, -2e-6]])}
    own, one = arrive(Quantised(), changes), arrive(Quantised(scale="tensor"), changes)
    assert own["conv"][1].abs().min() > 0
    assert not one["conv"][1].any()


def test_drawn_rounding_is_right_on_average():
    changes, scheme = {"w": torch.linspace(-1, 1, 50)}, Quantised(4, "stochastic")
    mean = sum(arrive(scheme, changes, seed)["w"] for seed in range(400)) / 400
    assert (mean - changes["w"]).abs().max() < 4 / 7 / 400**0.5
    assert (arrive(scheme, changes, 1)["w"] != arrive(scheme, changes, 2)["w"]).any()


def test_bfloat16_keeps_eight_bits():
    changes = make_changes()
    sent = arrive(BFloat16(), changes)
    assert all(torch.equal(sent[k], x.bfloat16().float()) for k, x in changes.items())


def test_the_largest_changes_of_all_tensors_travel_and_no_other():
    changes = {"a": torch.tensor([0.0, 5.0, -1.0, 0.5]), "b": torch.tensor([[-4.0], [0.1]])}
    sent = arrive(TopK(1 / 3), changes)
    assert sent["a"].tolist() == [0, 5, 0, 0]
    assert sent["b"].tolist() == [[-4], [0]]


@pytest.mark.parametrize("places", [[0], [254, 255], [255, 510, 1021], [3, 4, 5000], range(9)])
def test_places_come_back_however_far_apart(places):
    places = torch.tensor(list(places))
    n = int(places[-1]) + 1
    coded = encode_places(places)
    assert torch.equal(decode_places(coded, len(places), n), places)
    assert len(coded) <= len(places) + n // 255
    with pytest.raises(PayloadError, match="beyond the last"):
        decode_places(coded, len(places), n - 1)


def test_a_matrix_of_the_rank_arrives_whole():
    draws = torch.Generator().manual_seed(0)
    left = torch.randn(30, 2, generator=draws) * torch.tensor([4, 1])
    right = torch.randn(2, 40, generator=draws)
    changes = {"w": (left @ right).reshape(30, 10, 2, 2)}
    for scheme in (PowerSGD(2), PowerSGD(3)):
        assert torch.allclose(arrive(scheme, changes)["w"], changes["w"], atol=1e-4)
    best = torch.linalg.svd(changes["w"].flatten(1)).S[1]
    error = (arrive(PowerSGD(1), changes)["w"] - changes["w"]).norm()
    assert best * 0.999 < error < best * 1.2


def test_powersgd_sends_what_is_no_matrix_as_it_is():
    changes = make_changes()
    sent = arrive(PowerSGD(), changes)
    assert all(torch.equal(sent[name], changes[name]) for name in ("bias", "scalar"))


def test_powersgd_multiplies_on_one_thread_and_leaves_the_others_to_the_rest(monkeypatch):
    before, seen, factorise = torch.get_num_threads(), [], torch.linalg.qr
    torch.set_num_threads(2)

    def watch(matrix):
        seen.append(torch.get_num_threads())
        return factorise(matrix)

    monkeypatch.setattr(torch.linalg, "qr", watch)
    arrive(PowerSGD(), make_changes(w=(16, 144)))
    after = torch.get_num_threads()
    torch.set_num_threads(before)
    assert set(seen) == {1}
    assert after == 2


@EACH
def test_a_payload_of_another_form_is_refused(scheme):
    changes = make_changes()
    payload, shapes = scheme.shrink(changes, 1), shapes_of(changes)
    other = {**shapes, "conv": torch.Size([16, 8, 3, 4])}
    broken = [(payload, other), ({**payload, "more": torch.zeros(1)}, shapes)]
    for name, part in payload.items():
        rest = {k: x for k, x in payload.items() if k != name}
        broken += [(rest, shapes)]
        broken += [({**rest, name: odd}, shapes) for odd in (part[:-1], part.double(), part[None])]
        if part.dtype == torch.float32:
            broken += [({**rest, name: torch.full_like(part, float("inf"))}, shapes)]
    for odd, of in broken:
        with pytest.raises(PayloadError):
            scheme.restore(odd, of)


def test_a_bomb_is_not_unpacked():
    bomb = encode_bytes(torch.zeros(10_000_000, dtype=torch.uint8))
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    smaller = deflate.compress(bytes(10_000_000)) + deflate.flush()
    for packed in (bomb, torch.frombuffer(bytearray(smaller), dtype=torch.uint8)):
        tracemalloc.start()
        with pytest.raises(PayloadError, match="more bytes"):
            decode_bytes(packed, 100)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert most < 3 * packed.nbytes + 1_000_000  # of ten millions


def test_bytes_come_back_and_what_is_cut_is_refused():
    data = torch.arange(256, dtype=torch.uint8).repeat(3)
    packed = encode_bytes(data)
    assert torch.equal(decode_bytes(packed, len(data)), data)
    for odd in (packed[:-3], packed.flip(0), None, packed.int()):
        with pytest.raises(PayloadError):
            decode_bytes(odd, len(data))


def test_names_come_along_and_must_be_those_that_were_sent():
    changes = make_changes()
    counts = {"count": torch.tensor(3)}
    packed = pack({**changes, **counts}, {"codes": torch.ones(2)})
    payload, others, shapes = unpack(packed, {**changes, "count": torch.tensor(9), "more": changes})
    assert payload.keys() == {"codes"}
    assert others == counts
    assert shapes == shapes_of(changes)
    assert count(packed) == 8 + 8
    odd = [{"stranger": torch.empty(0)}, {"conv": torch.ones(2)}, {"count": torch.tensor(1.0)}]
    for one in odd:
        with pytest.raises(PayloadError):
            unpack({**packed, **one}, {**changes, **counts})


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (lambda: Quantised(5), "compression.bits=5: use one of 8, 4"),
        (lambda: Quantised(rounding="up"), "compression.rounding=up: use one of nearest"),
        (lambda: Quantised(scale="row"), "compression.scale=row: use one of channel, tensor"),
        (lambda: TopK(0), "compression.share: above 0, at most 1; got 0"),
        (lambda: TopK(1.5), "compression.share: above 0, at most 1; got 1.5"),
        (lambda: PowerSGD(0), "compression.rank: at least 1; got 0"),
    ],
)
def test_a_value_outside_its_range_is_refused(make, line):
    with pytest.raises(ConfigErrors) as caught:
        make()
    assert line in str(caught.value)
