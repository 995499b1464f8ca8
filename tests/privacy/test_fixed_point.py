"""Values in a ring: right to half a step, sums exact, and a wrong sum is noticed."""

import numpy as np
import pytest
import torch

from flmrcm.privacy.fixed_point import Ring

LIKE = {"a": torch.zeros(3, 5), "b": torch.zeros(4)}


def draw(seed, largest=1024.0):
    rng = torch.Generator().manual_seed(seed)
    return {k: (2 * torch.rand(t.shape, generator=rng) - 1) * largest for k, t in LIKE.items()}


@pytest.mark.parametrize("bits", [40, 48, 56, 64])
def test_a_sum_is_that_of_its_parts_to_half_a_step_each(bits):
    ring, parts = Ring(bits, 1024.0, 5), [draw(seed) for seed in range(5)]
    weights = (1.0, 0.5, 0.25, 0.3, 0.01)
    total = sum(ring.encode(p, w) for p, w in zip(parts, weights, strict=True))
    mean = ring.decode(total, sum(weights), {k: t.double() for k, t in LIKE.items()})
    for name, value in mean.items():
        plain = sum(p[name].double() * w for p, w in zip(parts, weights, strict=True)) / sum(
            weights
        )
        assert (value - plain).abs().max() <= 5 * 2.0 ** -(ring.fraction + 1) / sum(weights) + 1e-12


@pytest.mark.parametrize("bits", [32, 48, 64])
def test_what_is_packed_comes_back_modulo_the_ring(bits):
    ring = Ring(bits, 16.0, 3)
    integers = np.random.default_rng(1).integers(0, 2**64, 19, np.uint64)
    packed = ring.pack(integers, LIKE)
    assert {k: tuple(t.shape) for k, t in packed.items()} == {
        "a": (3, 5, bits // 8),
        "b": (4, bits // 8),
    }
    unused = np.uint64(64 - bits)
    assert (ring.unpack(packed, LIKE) == (integers << unused) >> unused).all()


def test_sums_wrap_as_masks_need_it():
    ring = Ring(48, 1024.0, 3)
    mask = np.random.default_rng(1).integers(0, 2**64, 19, np.uint64)
    sent = ring.unpack(ring.pack(ring.encode(draw(1), 1.0) + mask, LIKE), LIKE)
    arrived = ring.decode(sent - mask, 1.0, LIKE)
    assert all(torch.allclose(arrived[k], draw(1)[k], rtol=1e-6) for k in LIKE)


def test_the_largest_values_of_all_sites_fit_and_no_larger_ones():
    ring, full = Ring(48, 1000.0, 7), {k: torch.full_like(t, -1000.0) for k, t in LIKE.items()}
    total = sum(ring.encode(full, 1.0) for _ in range(7))
    assert all(torch.equal(ring.decode(total, 7.0, LIKE)[k], full[k]) for k in LIKE)
    for value in (1000.1, float("nan"), -float("inf")):
        with pytest.raises(ValueError, match="b holds a value beyond ±1000, or one that isn't"):
            ring.encode({**LIKE, "b": torch.full((4,), value)}, 1.0)
    with pytest.raises(ValueError, match="the sum of a is larger than its parts can make it"):
        ring.decode(total + total, 7.0, LIKE)


def test_random_integers_are_noticed():
    ring, like = Ring(48, 1024.0, 4), {"a": torch.zeros(100)}
    for seed in range(20):
        integers = np.random.default_rng(seed).integers(0, 2**64, 100, np.uint64)
        with pytest.raises(ValueError, match="larger than its parts"):
            ring.decode(integers, 4.0, like)


@pytest.mark.parametrize("weight", [1.0, 0.3])
@pytest.mark.parametrize("bits", [32, 40, 48])
def test_counts_have_no_bound_of_weights_and_stay_whole(weight, bits):
    ring, like = Ring(bits, 16.0, 4), {"n": torch.tensor(0)}
    total = sum(ring.encode({"n": torch.tensor(123_457)}, weight) for _ in range(4))
    mean = ring.decode(total, 4 * weight, like)["n"]
    assert (mean.dtype, int(mean)) == (torch.int64, 123_457)


@pytest.mark.parametrize(
    "packed",
    [
        {"a": torch.zeros(3, 5, 6, dtype=torch.uint8)},
        {"a": torch.zeros(3, 5, 6, dtype=torch.uint8), "b": torch.zeros(4, 5, dtype=torch.uint8)},
        {"a": torch.zeros(3, 5, 6, dtype=torch.uint8), "b": torch.zeros(4, 6)},
    ],
)
def test_what_is_of_another_form_is_refused(packed):
    with pytest.raises(ValueError, match="other names, shapes or types"):
        Ring(48, 1024.0, 4).unpack(packed, LIKE)
