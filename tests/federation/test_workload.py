"""Equal work: however few sites train, together they take the steps that all would take."""

import pytest
from kits.laws import equal

from flmrcm.federation.client import Client
from flmrcm.federation.workload import POOLED, Workload, divide_workload
from flmrcm.strategies.fedavg import FedAvg

BATCHES = {"east": 4, "north": 2, "south": 3}


def steps_of(participants, batches=BATCHES, epochs=2):
    return {
        s: share.steps
        for s, share in divide_workload("steps", epochs, batches, participants).items()
    }


@pytest.mark.parametrize("participants", [["east", "north", "south"], ["east", "south"], ["north"]])
def test_participants_share_the_steps_of_all(participants):
    assert sum(steps_of(participants).values()) == 2 * sum(BATCHES.values())


def test_a_pool_takes_the_steps_of_all_and_counts_as_no_institution():
    assert steps_of([POOLED], {**BATCHES, POOLED: 5}) == {POOLED: 2 * sum(BATCHES.values())}


def test_where_all_train_steps_are_epochs():
    assert steps_of(list(BATCHES)) == {site: 2 * batches for site, batches in BATCHES.items()}


def test_epochs_leave_each_site_its_own_passes():
    assert divide_workload("epochs", 3, {}, ["north"]) == {"north": Workload(3)}


def test_passes_never_repeat_from_round_to_round():
    share = divide_workload("steps", 1, BATCHES, ["north"])["north"]
    assert share == Workload(epochs=5, steps=9)
    visits = [visit for round_ in range(3) for visit in share.list_epochs(round_)]
    assert visits == list(range(15))


def test_a_site_trains_exactly_its_steps(setting):
    here = setting(rounds=2, participants=("north",))
    federation = here.federation(FedAvg())
    client = federation.engine.clients["north"]
    federation.engine.clients["north"] = Client(client.site, client.runtime, share=Workload(4, 7))
    federation.run(here.module().model.state_dict())
    taken = [row.value for row in federation.journal.read() if row.metric == "steps"]
    assert taken == [7, 7]


def test_whole_passes_counted_in_steps_change_no_bit(setting):
    here, there = setting(), setting()
    counted = there.federation(FedAvg())
    for name, client in counted.engine.clients.items():
        share = Workload(1, client.site.n_batches)
        counted.engine.clients[name] = Client(client.site, client.runtime, share=share)
    weights = counted.run(there.module().model.state_dict()).weights
    assert equal(weights, here.run(FedAvg()).weights)
