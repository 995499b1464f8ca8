"""Ledgers record what crossed, and what a site forbids does not happen."""

from dataclasses import replace

import pytest
from kits.faulty_engine import away, garbage, with_faults
from kits.laws import TARGET, equal, fl_mrcm, server_chain, site_chain
from kits.ledgers import Scale, add_ledgers, count_recorded, read_ledgers

from flmrcm.errors import SiteFailed
from flmrcm.federation.participation import Tolerance
from flmrcm.middleware.policy import SitePolicy
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.strategies.scaffold import Scaffold

SMALL = {"fewest_slices": 1, "fewest_steps": 1, "fewest_volumes": 1}  # as these sites are
TWO = {"tolerance": Tolerance(quorum=2)}


def with_ledgers(here, federation):
    """Return the federation with a ledger at the coordinator and at each site."""
    add_ledgers(federation.engine.clients, here.folder)
    return replace(federation, chain=server_chain(federation.strategy, here.folder))


@pytest.mark.parametrize(
    "strategy", [FedAvg(), fl_mrcm(alignment="latents"), Scaffold()], ids=lambda s: type(s).__name__
)
@pytest.mark.parametrize("faults", [{}, {("east", "train", 0): garbage}], ids=["good", "bad"])
def test_the_ledgers_bytes_are_what_the_engine_carried(setting, strategy, faults):
    here = setting(plan=TWO)
    federation = with_faults(with_ledgers(here, here.federation(strategy)), faults)
    scale = Scale(federation.engine)
    replace(federation, engine=scale).run(here.module().model.state_dict())
    coordinator, sites = read_ledgers(here.folder)
    assert count_recorded(here.folder) == scale.n_bytes
    assert coordinator == sites
    assert len(coordinator) > 100


def test_the_ledger_of_a_resumed_run_keeps_what_crossed_before(setting):
    here = setting(plan=TWO)
    federation = with_faults(
        with_ledgers(here, here.federation(FedAvg())),
        {(site, "validate", 1): away for site in ("east", "north", "south")},
    )
    strict = replace(federation, plan=replace(federation.plan, tolerance=Tolerance()))
    with pytest.raises(SiteFailed):
        strict.run(here.module().model.state_dict())
    before, _ = read_ledgers(here.folder)
    with_ledgers(here, here.federation(FedAvg())).run(here.module().model.state_dict())
    after, sites = read_ledgers(here.folder)
    trained_twice = [e for e in after if e[:4] == (1, "east", "train", "from_site")]
    assert set(before) <= set(after)
    assert len(trained_twice) == 2 * len(set(trained_twice))
    assert [e for e in after if e.op == "train"] == [e for e in sites if e.op == "train"]


def with_policy(federation, site, **policy):
    halves = site_chain(site, federation.strategy, policy=SitePolicy(**(SMALL | policy)))
    federation.engine.clients[site].chain = halves
    return federation


def test_what_a_policy_forbids_ends_the_run_with_its_reason(setting):
    here = setting()
    federation = with_policy(here.federation(FedAvg()), "north", operations=["validate"])
    with pytest.raises(SiteFailed, match="site north, round 0: refused by its site policy: train"):
        federation.run(here.module().model.state_dict())


def test_a_site_that_sends_no_weights_is_missed_and_forgets_its_training(setting):
    here = setting(plan=TWO, rounds=1)
    federation = with_policy(here.federation(FedAvg()), "north", payloads=["metrics"])
    state = federation.run(here.module().model.state_dict())
    others = setting(rounds=1, participants=("east", "south"))
    assert equal(state.weights, others.run(FedAvg()).weights)
    assert "north" not in federation.engine.snapshot()


def test_a_target_may_keep_its_latents(setting):
    here = setting()
    federation = with_policy(here.federation(fl_mrcm(alignment="latents")), TARGET)
    with pytest.raises(SiteFailed, match="latents isn't among its payloads"):
        federation.run(here.module().model.state_dict())


def test_a_policy_that_allows_every_call_changes_no_bit(setting):
    here, plain = setting(), setting()
    federation = here.federation(FedAvg())
    for site in federation.engine.clients:
        with_policy(federation, site, strategies=["FedAvg"], most_calls={"train": 2, "survey": 0})
    state = federation.run(here.module().model.state_dict())
    assert equal(state.weights, plain.run(FedAvg()).weights)


@pytest.mark.parametrize(
    ("limit", "line"),
    [
        ({"fewest_slices": 99}, r"slices are fewer than 99 \(fewest_slices\)"),
        ({"fewest_steps": 99}, r"steps are fewer than 99 \(fewest_steps\)"),
        ({"largest_learning_rate": 1e-9}, r"is above 1e-09 \(largest_learning_rate\)"),
        ({"fewest_volumes": 99}, r"volumes are fewer than 99 \(fewest_volumes\)"),
    ],
)
def test_a_limit_on_what_a_reply_rests_on_ends_the_call(setting, limit, line):
    here = setting()
    federation = with_policy(here.federation(FedAvg()), "north", **limit)
    with pytest.raises(SiteFailed, match=f"refused by its site policy: .*{line}"):
        federation.run(here.module().model.state_dict())
