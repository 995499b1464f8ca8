"""Engines are checked before any data are read; clients are rebuilt from a config alone."""

import pickle
from functools import partial

import pytest

from flmrcm.config.check import check_config
from flmrcm.config.compose import compose_config
from flmrcm.config.federation import rebuild_clients
from flmrcm.config.identity import hash_config
from flmrcm.engines import ray
from flmrcm.errors import ConfigErrors
from flmrcm.federation.middleware import SiteHalf
from flmrcm.middleware.wire import Wire

BASE = ("sites=bfhi", "data_dir=/nowhere", "compute=cpu")


@pytest.fixture
def installed(monkeypatch):
    monkeypatch.setattr(ray, "find_spec", lambda name: name)


def checked(*words):
    return check_config(compose_config("train", [*BASE, *words]))


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("strategy=fl_mrcm",), "engine: RayActors keeps sites apart, but FL-MRCM shows"),
        (("strategy=fl_mr", "pooled=true"), "engine: RayActors keeps sites apart, but pooled=true"),
        (("strategy=fl_mr", "engine.actors=0"), "engine.actors: at least 1; got 0."),
        (("strategy=fl_mr", "engine.actors=two"), "engine.actors=two: a whole number."),
        (
            ("strategy=fl_mr", "middleware.wire.kind=fp8"),
            "middleware.wire.kind=fp8: use one of fp32",
        ),
    ],
)
def test_what_ray_cannot_do_is_reported_without_data(installed, words, line):
    with pytest.raises(ConfigErrors) as caught:
        checked("engine=ray", *words)
    (problem,) = caught.value.problems
    assert problem.startswith(line)


def test_what_an_engine_lacks_and_what_it_refuses_come_together(installed):
    with pytest.raises(ConfigErrors) as caught:
        checked("engine=ray", "engine.actors=0", "strategy=fl_mrcm", "budget=none")
    assert len(caught.value.problems) == 3


@pytest.mark.parametrize("strategy", ["fl_mr", "fl_mrcm_latent", "scaffold", "fedprox"])
def test_ray_runs_strategies_that_show_no_images(installed, strategy):
    assert checked("engine=ray", f"strategy={strategy}").config["engine"]["actors"] == 2


def rebuild(folder, *words):
    """Return the clients that another process builds from a config, and their factory's size."""
    config = checked("engine=ray", "strategy=fl_mr", "model.channels=2", *words).config
    factory = pickle.dumps(partial(rebuild_clients, config, folder))
    return pickle.loads(factory)(), len(factory)


def test_a_pickled_factory_gives_equal_clients(installed, tmp_path):
    clients, size = rebuild(tmp_path, "participants=BF", "robust.timeout=60", "robust.quorum=2")
    assert sorted(clients) == ["brats", "fastmri", "hpks", "ixi"]
    assert clients["ixi"].runtime.strategy.name == "FL-MR"
    assert size < 20_000


def test_a_rebuilt_client_has_its_policy_and_its_own_ledger(installed, tmp_path):
    policy = tmp_path / "policy.yaml"
    policy.write_text("most_calls: {train: 1}")
    clients, _ = rebuild(tmp_path, f"sites.ixi.policy={policy}", "middleware.wire.kind=bf16")
    ledger, _, gate, wire = clients["ixi"].chain[:4]
    assert ledger.ledger.path == tmp_path / "sites" / "ixi" / "ledger.csv"
    assert gate.policy.most_calls == {"train": 1}
    assert wire.wire == Wire("bf16")
    assert type(clients["brats"].chain[2]) is SiteHalf


def test_an_engine_changes_no_experiment_unless_it_rounds():
    def hashed(*words):
        return hash_config(_root_=compose_config("train", words))

    assert hashed() == hashed("engine=ray") == hashed("engine=ray", "engine.actors=8")
    rounded = hashed("engine=ray", "middleware.wire.kind=bf16")
    assert rounded not in (hashed(), hashed("engine.threads=2"))
