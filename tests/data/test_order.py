"""The order depends on a seed address alone; batches hold one size and lose no example."""

from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flmrcm.data.order import (
    BatchIndices,
    BatchOrder,
    batch_by_size,
    draw_target_order,
    shuffle_indices,
)

sizes_and_batch = st.tuples(st.lists(st.integers(0, 3), max_size=40), st.integers(1, 7))
numbers = st.integers(1, 23)


@given(st.integers(0, 40), st.integers(1, 7))
@settings(deadline=None)
def test_batches_of_one_size_are_consecutive_pieces(n: int, batch_size: int) -> None:
    order = shuffle_indices(n, "any")
    pieces = [order[i : i + batch_size] for i in range(0, n, batch_size)]
    assert list(batch_by_size(order, [(16, 16)] * n, batch_size)) == pieces


@given(sizes_and_batch)
@settings(deadline=None)
def test_sizes_never_mix_and_nothing_is_lost(case: tuple[list[int], int]) -> None:
    sizes, batch_size = case
    order = shuffle_indices(len(sizes), "any")
    batches = list(batch_by_size(order, sizes, batch_size))
    assert sorted(chain.from_iterable(batches)) == list(range(len(sizes)))
    for batch in batches:
        assert 1 <= len(batch) <= batch_size
        assert len({sizes[index] for index in batch}) == 1


@given(sizes_and_batch)
@settings(deadline=None)
def test_examples_of_one_size_keep_their_order(case: tuple[list[int], int]) -> None:
    sizes, batch_size = case
    order = shuffle_indices(len(sizes), "any")
    batched = list(chain.from_iterable(batch_by_size(order, sizes, batch_size)))
    for size in set(sizes):
        assert [i for i in batched if sizes[i] == size] == [i for i in order if sizes[i] == size]


def test_a_shuffle_is_a_permutation_that_follows_its_address() -> None:
    assert sorted(shuffle_indices(20, "a", 1)) == list(range(20))
    assert shuffle_indices(20, "a", 1) == shuffle_indices(20, "a", 1)
    assert shuffle_indices(20, "a", 1) != shuffle_indices(20, "a", 2)


@given(numbers, numbers, st.integers(0, 5), st.integers(0, 3))
@settings(deadline=None)
def test_shuffled_targets_are_all_used_before_any_is_repeated(
    n_target: int, n_source: int, epochs: int, seed: int
) -> None:
    orders = [
        draw_target_order("shuffled", n_target, n_source, epoch, seed) for epoch in range(epochs)
    ]
    assert all(len(indices) == n_source for indices in orders)
    stream = list(chain.from_iterable(orders))
    for start in range(0, len(stream) - n_target + 1, n_target):
        assert sorted(stream[start : start + n_target]) == list(range(n_target))


@given(numbers, numbers, st.integers(0, 5), st.integers(0, 3))
@settings(deadline=None)
def test_published_targets_are_repeated_or_cut_to_the_number_of_source_examples(
    n_target: int, n_source: int, epoch: int, seed: int
) -> None:
    repeated = [index for _ in range(n_source) for index in range(n_target)][:n_source]
    assert sorted(draw_target_order("published", n_target, n_source, epoch, seed)) == sorted(
        repeated
    )


@pytest.mark.parametrize("sampling", ["published", "shuffled"])
def test_the_target_order_follows_epoch_and_seed(sampling: str) -> None:
    first = draw_target_order(sampling, 30, 20, 0, 0)
    assert first == draw_target_order(sampling, 30, 20, 0, 0)
    assert first != draw_target_order(sampling, 30, 20, 1, 0)
    assert first != draw_target_order(sampling, 30, 20, 0, 1)


def list_batches(address: tuple[object, ...] | None, epoch: int = 0) -> list[BatchIndices]:
    order = BatchOrder([(16, 16)] * 20, 3, address)
    order.set_epoch(epoch)
    assert len(list(order)) == len(order) == 7
    return list(order)


def test_the_training_order_follows_address_and_epoch() -> None:
    def indices(address: str, epoch: int) -> list[list[int]]:
        return [batch.indices for batch in list_batches((address,), epoch)]

    assert indices("a", 2) == indices("a", 2)
    assert indices("a", 2) != indices("a", 3)
    assert indices("a", 2) != indices("b", 2)
    assert {batch.epoch for batch in list_batches(("a",), 2)} == {2}


def test_the_order_of_validation_is_that_of_the_files_and_has_no_epoch() -> None:
    batches = list_batches(None, epoch=5)
    assert list(chain.from_iterable(batch.indices for batch in batches)) == list(range(20))
    assert {batch.epoch for batch in batches} == {None}


def test_validation_keeps_slices_of_mixed_sizes_in_file_order() -> None:
    sizes = ["a"] * 3 + ["b"] * 3 + ["a"] * 2
    order = BatchOrder(sizes, 2, None)
    assert list(chain.from_iterable(batch.indices for batch in order)) == list(range(8))
    assert len(order) == len(list(order))


@given(sizes_and_batch)
@settings(deadline=None)
def test_the_length_is_the_number_of_batches(case: tuple[list[int], int]) -> None:
    sizes, batch_size = case
    for address in (None, ("a",)):
        order = BatchOrder(sizes, batch_size, address)
        assert len(order) == len(list(order))
