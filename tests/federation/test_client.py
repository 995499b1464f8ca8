"""What a site's half of a strategy is told: seeds with an address, the run's base rate."""

from dataclasses import dataclass, field, replace

from flmrcm.strategies.fedavg import FedAvg
from flmrcm.types import Broadcast, Memory, SiteContext


@dataclass(frozen=True)
class Listening(FedAvg):
    """Keeps what it is told of each site."""

    told: list[SiteContext] = field(default_factory=list)

    def local_rule(self, site):
        self.told.append(site)
        return super().local_rule(site)

    def answer_survey(self, site, batches):
        self.told.append(site)
        return {}


def call_client(setting, op, site="east", round_=0, seed=3, **local):
    """Return what a strategy is told at a site."""
    strategy, here = Listening(), setting(local=local)
    clients = here.clients(replace(here.runtime(strategy), seed=seed))
    weights = here.module().model.state_dict()
    clients[site].call(op, Broadcast(round_, weights), Memory())
    return strategy.told[0]


def test_a_sites_draws_depend_on_run_site_and_round_alone(setting):
    # noise on latents that came again could be averaged away
    own = {"site": "east", "round_": 0, "seed": 3}
    others = [{"site": "north"}, {"round_": 1}, {"seed": 4}]
    for op in ("train", "survey"):
        seeds = {call_client(setting, op, **own | other).seed for other in ({}, *others)}
        assert len(seeds) == 4
        assert call_client(setting, op, **own).seed in seeds


def test_a_strategy_is_told_the_base_rate_however_far_it_has_decayed(setting):
    told = call_client(setting, "train", round_=5, decay_every=1, decay_factor=0.1)
    assert told.learning_rate == 1e-3
