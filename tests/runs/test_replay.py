"""A run's messages made again rest on the run's own work."""

from dataclasses import replace
from functools import partial
from types import SimpleNamespace as Fake

import pytest
import torch
from kits.factories import make_unet
from kits.laws import equal

from flmrcm.federation.checkpoint import read_checkpoint
from flmrcm.federation.journal import Journal
from flmrcm.federation.local_training import LocalTraining
from flmrcm.federation.workload import divide_workload
from flmrcm.learning.losses import L1, L2
from flmrcm.library import Federation
from flmrcm.middleware.dp_volume import DPVolume
from flmrcm.runs.replay import Replay
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.strategies.fedper import FedPer


def replay(sites, folder, strategy=None, file="last.pt", **changes):
    """Train two hospitals, and return what makes the messages after a checkpoint again."""
    local = LocalTraining(partial(torch.optim.SGD, lr=0.05), epochs=1, batch_size=2)
    two = [sites["east"], sites["north"]]
    run = Federation(two, make_unet(2, 1), strategy or FedAvg(), folder, local=local, **changes)
    run.run()
    # as an attack builds the module: anew
    run.setup.module.loss = L1()
    run.setup.module.model.load_state_dict(run._initial)
    places = folder / "checkpoints", folder / "checkpoints/memory"
    return Replay(run.setup, read_checkpoint(places[0] / file), places[1])


def test_a_site_takes_as_many_steps_as_in_the_run():
    sites = {n: Fake(n_batches=b, has=lambda _: True) for n, b in (("east", 9), ("west", 3))}
    local, plan = Fake(epochs=2, accumulate=4), Fake(participants=["east"])
    setup = Fake(sites=sites, config={"budget": "steps"}, local=local, plan=plan)
    own = divide_workload("steps", 2, {"east": 9, "west": 3}, ["east"], accumulate=4)
    assert Replay(setup, None, None).divide() == own
    assert own["east"].steps == 5 + 2


@pytest.mark.parametrize("strategy", [FedAvg(), FedPer(private=["up_conv.*"])], ids=["all", "some"])
def test_a_message_does_not_depend_on_those_made_before(sites, tmp_path, strategy):
    """A site has a loss of its own, and weights of its own where some stay there."""
    made = replay(sites, tmp_path, strategy, rounds=1, loss={"north": L2()})
    kept = {k: v.clone() for k, v in made.setup.module.model.state_dict().items()}
    both = {name: sites[name] for name in ("east", "north")}
    first, again = (made.send("train", 1, both) for _ in range(2))
    for name in both:
        assert equal(first[name].weights, again[name].weights)
        assert first[name].metrics["loss"] == again[name].metrics["loss"]
    assert equal(kept, made.setup.module.model.state_dict())


def test_the_round_after_the_last_comes_out_of_a_run_that_has_spent_all(sites, tmp_path):
    """With the run's own σ, which was found so that all its rounds just fit."""
    made = replay(sites, tmp_path, rounds=2, middleware={"privacy": DPVolume()})
    reply = made.send("train", 2, {"east": sites["east"]})["east"]
    rows = Journal(tmp_path / "journal.csv").read()
    (noise, _) = (r.value for r in rows if (r.site, r.metric) == ("east", "noise_multiplier"))
    assert reply.metrics["noise_multiplier"] == noise
    assert reply.metrics["epsilon"] > 8


def test_the_noise_of_a_first_round_is_found_as_in_the_run(sites, tmp_path):
    plain = replay(sites, tmp_path, rounds=1)
    asked = {**plain.setup.middleware, "privacy": DPVolume()}
    made = replace(plain, setup=replace(plain.setup, middleware=asked))
    reply = made.send("train", 1, {"east": sites["east"]})["east"]
    assert reply.metrics["epsilon"] == pytest.approx(8, rel=1e-2)
