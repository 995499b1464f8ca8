"""What is booked is what crossed, and what a site forbids doesn't happen."""

from dataclasses import replace

import pytest
from faulty_engine import away, garbage, with_faults
from laws_kit import TARGET, equal, fl_mrcm

from flmrcm.errors import SiteFailed
from flmrcm.federation.attendance import Tolerance
from flmrcm.federation.border import Border, HousePolicy
from flmrcm.federation.ledger import Ledger
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.strategies.scaffold import Scaffold

TWO = {"tolerance": Tolerance(quorum=2)}


class Scale:
    """Weighs what an engine carries: tensors by their elements, 8 bytes for each number."""

    def __init__(self, engine):
        self.engine, self.n_bytes = engine, {"to_site": 0, "from_site": 0}

    def call(self, op, messages, timeout=None):
        for reply in self.engine.call(op, messages, timeout):
            self.n_bytes["to_site"] += weight(messages[reply.site])
            self.n_bytes["from_site"] += weight(reply) if reply.error is None else 0
            yield reply

    def __getattr__(self, name):
        return getattr(self.engine, name)


def weight(held):
    tensors = [t for part in (held.weights, *held.extras.values()) for t in part.values()]
    numbers = 1 + len(held.metrics) if hasattr(held, "metrics") else 0
    return sum(t.numel() * t.element_size() for t in tensors) + 8 * numbers


def booked(here, federation):
    """Gives the federation with a ledger on both sides of the border."""
    for name, client in federation.engine.clients.items():
        policy = client.border.policy
        client.border = Border(name, policy, Ledger(here.folder / "sites" / name / "ledger.csv"))
    return replace(federation, ledger=Ledger(here.folder / "ledger.csv"))


def books(here):
    """Gives the coordinator's entries, and those of all sites, sorted."""
    paths = sorted(here.folder.glob("sites/*/ledger.csv"))
    sites = [entry for path in paths for entry in Ledger(path).read()]
    return sorted(Ledger(here.folder / "ledger.csv").read()), sorted(sites)


@pytest.mark.parametrize(
    "strategy", [FedAvg(), fl_mrcm(alignment="latents"), Scaffold()], ids=lambda s: type(s).__name__
)
@pytest.mark.parametrize("faults", [{}, {("east", "train", 0): garbage}], ids=["good", "bad"])
def test_the_ledgers_bytes_are_what_the_engine_carried(setting, strategy, faults):
    here = setting(plan=TWO)
    federation = with_faults(booked(here, here.federation(strategy)), faults)
    scale = Scale(federation.engine)
    replace(federation, engine=scale).run(here.module().model.state_dict())
    coordinator, sites = books(here)
    for way, n_bytes in scale.n_bytes.items():
        assert sum(entry.bytes for entry in coordinator if entry.way == way) == n_bytes
    assert coordinator == sites
    assert len(coordinator) > 100


def test_the_ledger_of_a_resumed_run_keeps_what_crossed_before(setting):
    here = setting(plan=TWO)
    federation = with_faults(
        booked(here, here.federation(FedAvg())),
        {(site, "evaluate", 1): away for site in ("east", "north", "south")},
    )
    strict = replace(federation, plan=replace(federation.plan, tolerance=Tolerance()))
    with pytest.raises(SiteFailed):
        strict.run(here.module().model.state_dict())
    before, _ = books(here)
    booked(here, here.federation(FedAvg())).run(here.module().model.state_dict())
    after, sites = books(here)
    trained_twice = [e for e in after if e[:4] == (1, "east", "train", "from_site")]
    assert set(before) <= set(after)
    assert len(trained_twice) == 2 * len(set(trained_twice))
    assert [e for e in after if e.op == "train"] == [e for e in sites if e.op == "train"]


def with_policy(federation, site, **policy):
    federation.engine.clients[site].border = Border(site, HousePolicy(**policy))
    return federation


def test_what_a_policy_forbids_ends_the_run_with_its_reason(setting):
    here = setting()
    federation = with_policy(here.federation(FedAvg()), "north", operations=["evaluate"])
    with pytest.raises(SiteFailed, match="site north, round 0: refused by its house policy: train"):
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


def test_a_policy_that_allows_all_that_is_asked_changes_no_bit(setting):
    here, plain = setting(), setting()
    federation = here.federation(FedAvg())
    for site in federation.engine.clients:
        with_policy(federation, site, strategies=["FedAvg"], most_calls={"train": 2, "survey": 0})
    state = federation.run(here.module().model.state_dict())
    assert equal(state.weights, plain.run(FedAvg()).weights)
