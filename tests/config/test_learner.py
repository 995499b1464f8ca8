"""What a run starts from: all of another run's weights, but for those that stayed at its sites."""

import pytest
import torch

from flmrcm.config.build import Builder, to_plain
from flmrcm.config.compose import compose_config
from flmrcm.config.learner import build_learner


def compose(*words):
    return compose_config("train", ["debug=tiny", *words])


def build_weights(*words):
    builder = Builder()
    _, module, _ = build_learner(compose(*words), builder)
    builder.raise_if_any()
    return module.model.state_dict()


@pytest.fixture
def of_fedper(tmp_path):
    """A checkpoint of FedPer: its decoder stayed at the sites."""
    config = to_plain(compose("strategy=fedper", "seed=5"))
    weights = build_weights("seed=5")
    shared = {name: w for name, w in weights.items() if not name.startswith("up_")}
    assert 0 < len(shared) < len(weights)
    torch.save({"weights": shared, "config": config}, tmp_path / "last.pt")
    return tmp_path / "last.pt", shared


@pytest.mark.parametrize("strategy", ["fl_mr", "fedper", "finetune"])
def test_what_stayed_at_another_runs_sites_starts_anew(of_fedper, strategy):
    path, shared = of_fedper
    words = [f"strategy={strategy}", "seed=6"]
    anew, begun = build_weights(*words), build_weights(*words, f"init_from={path}")
    for name, weight in begun.items():
        assert torch.equal(weight, shared.get(name, anew[name])), name


def test_a_checkpoint_that_lacks_what_was_shared_is_of_another_architecture(of_fedper):
    path, shared = of_fedper
    content = torch.load(path, weights_only=True)
    content["weights"].pop(next(iter(shared)))
    torch.save(content, path)
    with pytest.raises(Exception, match="another architecture"):
        build_weights(f"init_from={path}")


def test_a_checkpoint_whose_config_names_a_class_of_its_own_builds_none(of_fedper, monkeypatch):
    path, _ = of_fedper
    content = torch.load(path, weights_only=True)
    content["config"]["strategy"]["_target_"] = "pathlib.Path.cwd"
    torch.save(content, path)
    monkeypatch.setattr("pathlib.Path.cwd", lambda *_, **__: pytest.fail("it was built"))
    with pytest.raises(Exception, match="another architecture"):
        build_weights(f"init_from={path}")
