"""Equal work: however few sites train, together they take the steps that all would take."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kits.laws import equal

from flmrcm.federation.workload import POOLED, Workload, divide_workload
from flmrcm.strategies.fedavg import FedAvg

BATCHES = {"east": 4, "north": 2, "south": 3}


def steps_of(participants, batches=BATCHES, epochs=2):
    divided = divide_workload("steps", epochs, batches, participants)
    return {site: divided[site].steps for site in participants}


@pytest.mark.parametrize("participants", [["east", "north", "south"], ["east", "south"], ["north"]])
def test_participants_share_the_steps_of_all(participants):
    assert sum(steps_of(participants).values()) == 2 * sum(BATCHES.values())


@given(st.lists(st.integers(1, 60), min_size=2, max_size=9), st.integers(1, 9), st.integers(1, 4))
def test_they_share_them_to_the_step_and_in_proportion(sizes, count, epochs):
    batches = {f"site_{number}": size for number, size in enumerate(sizes)}
    participants = list(batches)[:count]
    steps, total = steps_of(participants, batches, epochs), epochs * sum(sizes)
    own = sum(batches[site] for site in participants)
    assert sum(steps.values()) == total
    assert all(abs(n - total * batches[site] / own) < 1 for site, n in steps.items())
    assert steps_of(participants[::-1], batches, epochs) == steps


@given(st.lists(st.integers(1, 60), min_size=2, max_size=9), st.integers(1, 9), st.integers(1, 5))
def test_with_accumulated_batches_they_share_the_steps_of_all(sizes, count, accumulate):
    batches = {f"site_{number}": size for number, size in enumerate(sizes)}
    participants = list(batches)[:count]
    divided = divide_workload("steps", 2, batches, participants, accumulate)
    steps = {site: divided[site].steps for site in participants}
    assert sum(steps.values()) == sum(-(-2 * size // accumulate) for size in sizes)
    for site, n in steps.items():
        assert divided[site].epochs * batches[site] >= n * accumulate


def test_the_largest_remainders_take_the_steps_that_are_left():
    batches = {"a": 1, "b": 1, "c": 5, "none": 3}  # 10 steps among 7 batches: 1.43, 1.43, 7.14
    assert steps_of(["a", "b", "c"], batches, 1) == {"a": 2, "b": 1, "c": 7}


@given(st.lists(st.integers(1, 400), min_size=2, max_size=9), st.integers(1, 9), st.integers(1, 64))
def test_a_site_of_few_batches_takes_a_step_all_the_same(sizes, count, accumulate):
    batches = {f"site_{number}": size for number, size in enumerate(sizes)}
    participants = list(batches)[:count]
    divided = divide_workload("steps", 1, batches, participants, accumulate)
    assert all(divided[site].steps >= 1 and divided[site].epochs >= 1 for site in participants)
    total = sum(-(-size // accumulate) for size in sizes)
    assert sum(divided[site].steps for site in participants) == total


def test_a_pool_takes_the_steps_of_all_and_counts_as_no_institution():
    assert steps_of([POOLED], {**BATCHES, POOLED: 5}) == {POOLED: 2 * sum(BATCHES.values())}


def test_where_all_train_steps_are_epochs():
    assert steps_of(list(BATCHES)) == {site: 2 * batches for site, batches in BATCHES.items()}


def test_epochs_leave_each_site_its_own_epochs():
    assert divide_workload("epochs", 3, {}, ["north"]) == {"north": Workload(3)}


@pytest.mark.parametrize("budget", ["epochs", "steps"])
def test_a_site_that_only_answers_surveys_reads_the_epochs_it_would_train(budget):
    assert divide_workload(budget, 3, BATCHES, ["north"])["south"] == Workload(3)


def test_epochs_never_repeat_from_round_to_round():
    workload = divide_workload("steps", 1, BATCHES, ["north"])["north"]
    assert workload == Workload(epochs=5, steps=9)
    epochs = [epoch for round_ in range(3) for epoch in workload.list_epochs(round_)]
    assert epochs == list(range(15))


def test_a_site_trains_exactly_its_steps(setting):
    here = setting(rounds=2, participants=("north",))
    federation = here.federation(FedAvg())
    federation.engine.workloads = {"north": Workload(4, 7)}
    federation.run(here.module().model.state_dict())
    taken = [row.value for row in federation.journal.read() if row.metric == "steps"]
    assert taken == [7, 7]


def test_whole_epochs_counted_in_steps_change_no_bit(setting):
    here, there = setting(), setting()
    counted = there.federation(FedAvg())
    counted.engine.workloads = {
        name: Workload(1, client.site.n_batches) for name, client in counted.engine.clients.items()
    }
    weights = counted.run(there.module().model.state_dict()).weights
    assert equal(weights, here.run(FedAvg()).weights)
