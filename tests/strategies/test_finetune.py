"""Fine-tuning: FL-MR's global weights, and at each participant a few steps more of its own."""

from dataclasses import replace
from math import ceil
from typing import Any

import pytest
import torch
from kits.faulty_engine import with_faults
from kits.laws import Setting, equal

from flmrcm.errors import ConfigErrors, SiteFailed
from flmrcm.federation.batches import SiteBatches
from flmrcm.federation.checkpoint import read_checkpoint
from flmrcm.federation.participation import Tolerance
from flmrcm.federation.workload import Workload
from flmrcm.learning.metrics import ZERO_FILLED
from flmrcm.middleware.ledger import FROM_SITE, LEDGER, METRICS, Ledger
from flmrcm.strategies.base import PERSONAL, PRIVATE
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.strategies.fedper import DECODER
from flmrcm.strategies.finetune import FineTune
from flmrcm.types import Broadcast, Memory, Weights

SITES = ("east", "north", "south")
ONE = torch.ones(1)
TIMES = ("seconds", "slices_per_second")


def memory_of(here: Setting, site: str, round_: int = 2) -> dict[str, Weights]:
    path = here.folder / "checkpoints" / "memory" / site / f"round_{round_:04}.pt"
    return torch.load(path, weights_only=True)["tensors"]


def rows_of(here: Setting, from_round: int = 0) -> list[Any]:
    rows = here.federation(FedAvg()).journal.read()
    return [row for row in rows if row.metric not in TIMES and row.round >= from_round]


def test_the_global_weights_and_all_rounds_are_those_of_fl_mr_bit_for_bit(setting: Any) -> None:
    plain, tuned = setting(), setting()
    expected = plain.run(FedAvg())
    assert equal(tuned.run(FineTune()).weights, expected.weights)
    before = [row for row in rows_of(tuned) if row.round < 2]
    assert before == rows_of(plain)
    for name in ("round_0001", "last"):
        saved = read_checkpoint(tuned.folder / "checkpoints" / f"{name}.pt")
        assert equal(dict(saved.weights), dict(expected.weights))


def test_without_a_step_it_is_fl_mr(setting: Any) -> None:
    plain, tuned = setting(), setting()
    assert equal(tuned.run(FineTune(steps=0)).weights, plain.run(FedAvg()).weights)
    assert rows_of(tuned) == rows_of(plain)
    assert PERSONAL not in memory_of(tuned, "east", 1)


def plain_torch(
    here: Setting, site: str, start: Weights, steps: int, rate: float, round_: int = 2
) -> Weights:
    """Fine-tuning in plain torch."""
    module = here.module()
    module.model.load_state_dict(start)
    optimizer = torch.optim.RMSprop(module.model.parameters(), lr=rate)
    workload = Workload(ceil(steps / here.sites[site].n_batches), steps)
    batches = SiteBatches(here.sites[site], torch.device("cpu"), workload, round_)
    for batch in batches.train():
        optimizer.zero_grad()
        (module.model(batch).image - batch.target).abs().mean().backward()
        optimizer.step()
    return module.model.state_dict()


@pytest.mark.parametrize(("steps", "rate"), [(1, 1.0), (5, 0.1)])
def test_a_site_takes_plain_steps_from_the_last_global_weights(
    setting: Any, steps: int, rate: float
) -> None:
    here = setting(local={"decay_every": 1})  # the rounds' rate has decayed, fine-tuning's hasn't
    state = here.run(FineTune(steps=steps, rate=rate))
    for site in SITES:
        expected = plain_torch(here, site, dict(state.weights), steps, rate * here.learning_rate)
        assert equal(memory_of(here, site)[PERSONAL], expected), site


def test_a_site_that_never_trained_tunes_the_weights_it_is_given(setting: Any) -> None:
    new = setting(rounds=0, participants=("north",))
    given = new.module().model.state_dict()
    assert equal(new.run(FineTune(steps=3, rate=1.0)).weights, given)
    expected = plain_torch(new, "north", given, 3, new.learning_rate, round_=0)
    assert equal(memory_of(new, "north", 0)[PERSONAL], expected)


@pytest.mark.parametrize("cut", [1, 2])
@pytest.mark.parametrize("options", [{}, {"participation": 0.5}], ids=["all", "half"])
def test_a_run_with_more_rounds_ends_where_the_whole_one_ends(
    setting: Any, cut: int, options: Any
) -> None:
    whole, resumed = setting(rounds=3, plan=options), setting(rounds=cut, plan=options)
    whole.run(FineTune())
    resumed.run(FineTune())  # it has fine-tuned after its last round
    resumed.rounds = 3
    assert equal(resumed.run(FineTune()).weights, whole.run(FineTune()).weights)
    for site in SITES:
        assert equal(memory_of(resumed, site, 3)[PERSONAL], memory_of(whole, site, 3)[PERSONAL])
    assert rows_of(resumed) == rows_of(whole)


def test_what_is_done_is_not_done_again(setting: Any) -> None:
    here = setting()
    here.run(FineTune())
    before = (here.folder / "journal.csv").read_bytes()
    here.run(FineTune())
    assert (here.folder / "journal.csv").read_bytes() == before


def test_a_run_without_rounds_goes_on_with_some(setting: Any) -> None:
    whole, resumed = setting(rounds=1), setting(rounds=0)
    resumed.run(FineTune())
    resumed.rounds = 1
    assert equal(resumed.run(FineTune()).weights, whole.run(FineTune()).weights)
    assert rows_of(resumed) == rows_of(whole)


@pytest.mark.parametrize("op", ["validate", "test"])
def test_a_participant_is_scored_with_its_own_weights_and_an_unseen_site_with_the_global(
    setting: Any, op: Any
) -> None:
    here = setting(participants=("east", "north"))
    federation = here.federation(FineTune())
    state = federation.run(here.module().model.state_dict())
    client: Any = federation.engine.clients["east"]
    message = Broadcast(3, state.weights)
    own = client.call(op, message, federation.engine.store.load("east")).metrics
    if op == "test":  # each score says whose weights gave it
        unseen = client.call(op, message, Memory()).metrics
        kinds = [{name.split("/")[0] for name in metrics} for metrics in (own, unseen)]
        assert kinds == [{"personal", ZERO_FILLED}, {"reconstruction", ZERO_FILLED}]
    tuned = Broadcast(3, memory_of(here, "east")[PERSONAL])
    scores = [list(m.values()) for m in (own, client.call(op, tuned, Memory()).metrics)]
    assert scores[0] == scores[1]
    assert list(client.call(op, message, Memory()).metrics.values()) != scores[0]
    assert federation.engine.store.load("south") == Memory()


def test_only_numbers_leave_a_site_that_fine_tunes(setting: Any) -> None:
    here = setting()
    federation = here.federation(FineTune())
    federation.chain.halves = here.server_chain(FineTune(), here.folder).halves
    federation.run(here.module().model.state_dict())
    entries = [e for e in Ledger(here.folder / LEDGER).read() if e.op == "finetune"]
    assert {e.kind for e in entries if e.way == FROM_SITE} == {METRICS}


def test_private_weights_are_tuned_with_the_shared_ones(setting: Any) -> None:
    here = setting()
    state = here.run(FineTune(private=DECODER, steps=2, rate=1e-9))
    memory = memory_of(here, "east")
    assert memory[PERSONAL].keys() == state.weights.keys() | memory[PRIVATE].keys()
    for name, tensor in {**state.weights, **memory[PRIVATE]}.items():
        torch.testing.assert_close(memory[PERSONAL][name], tensor, rtol=0, atol=1e-7)


def test_the_journal_counts_steps_and_volumes_apart_from_those_of_rounds(setting: Any) -> None:
    here = setting()
    here.run(FineTune(steps=7))
    rows = {(r.site, r.metric): r.value for r in rows_of(here, from_round=2) if r.split == "train"}
    assert {rows[site, "personal_steps"] for site in SITES} == {7.0}
    for site in SITES:
        assert rows[site, "personal_volumes"] == len(here.sites[site].list_volumes("train", True))
    assert (SITES[0], "steps") not in rows


def test_a_site_that_fails_ends_the_run_unless_that_is_tolerated(setting: Any) -> None:
    faults: Any = {("north", "finetune", 2): lambda reply: replace(reply, weights={"w": ONE})}
    here, tolerant = setting(), setting(plan={"tolerance": Tolerance(quorum=2)})
    for one in (here, tolerant):
        federation = with_faults(one.federation(FineTune()), faults)
        if one is here:
            with pytest.raises(SiteFailed, match=r"north.* weights stay at their site"):
                federation.run(one.module().model.state_dict())
        else:
            federation.run(one.module().model.state_dict())
    assert equal(here.run(FineTune()).weights, tolerant.run(FineTune()).weights)  # it goes on
    assert PERSONAL in memory_of(here, "north")
    rows = [r for r in rows_of(tolerant, 2) if r.split == "participation"]
    assert [(r.site, r.metric) for r in rows] == [("north", "refused")]


@pytest.mark.parametrize(
    ("values", "said"),
    [({"steps": -1}, r"strategy\.steps: at least 0"), ({"rate": 0.0}, r"strategy\.rate: above 0")],
)
def test_values_out_of_range_are_refused(values: Any, said: str) -> None:
    with pytest.raises(ConfigErrors, match=said):
        FineTune(**values)
