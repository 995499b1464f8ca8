"""Batches made ahead are the same batches, in the same order, and no thread stays behind."""

import threading
from collections.abc import Iterator
from itertools import count

import pytest

from flmrcm.data.prefetch import Prefetch


@pytest.mark.parametrize("n", [0, 1, 5])
def test_all_items_come_in_their_order(n: int) -> None:
    with Prefetch() as ahead:
        assert list(ahead.read(iter(range(n)))) == list(range(n))


def test_two_streams_come_side_by_side() -> None:
    with Prefetch() as ahead:
        pairs = zip(ahead.read(iter("abc")), ahead.read(count()), strict=False)
        assert list(pairs) == [("a", 0), ("b", 1), ("c", 2)]


def test_the_next_item_is_made_while_one_is_worked_on() -> None:
    made = [threading.Event() for _ in range(3)]

    def make() -> Iterator[int]:
        for number, event in enumerate(made):
            event.set()
            yield number

    with Prefetch() as ahead:
        next(ahead.read(make()))
        assert made[1].wait(10)  # though nobody has asked for it
    assert not made[2].is_set()  # one ahead, no more: batches are large


def test_a_failure_is_raised_where_its_item_is_asked_for() -> None:
    def make() -> Iterator[int]:
        yield 1
        raise OSError("the disk is gone")

    with Prefetch() as ahead:
        items = ahead.read(make())
        assert next(items) == 1
        with pytest.raises(OSError, match="the disk is gone"):
            next(items)


def test_no_thread_stays_behind_an_endless_stream() -> None:
    with Prefetch() as ahead:
        items = ahead.read(count())
        assert next(items) == 0
    assert not [t for t in threading.enumerate() if t.name.startswith("prefetch")]
