"""A run's messages made again rest on the run's own work."""

from types import SimpleNamespace as Fake

from flmrcm.federation.workload import divide_workload
from flmrcm.runs.replay import _divide


def test_a_site_takes_as_many_steps_as_in_the_run():
    sites = {n: Fake(n_batches=b, has=lambda _: True) for n, b in (("east", 9), ("west", 3))}
    local, plan = Fake(epochs=2, accumulate=4), Fake(participants=["east"])
    setup = Fake(sites=sites, config={"budget": "steps"}, local=local, plan=plan)
    own = divide_workload("steps", 2, {"east": 9, "west": 3}, ["east"], accumulate=4)
    assert _divide(setup) == own
    assert own["east"].steps == 5 + 2
