"""Private weights that cannot work with the model or the engine are refused before any work."""

from types import SimpleNamespace

import pytest
import torch

from flmrcm.config.check import check_config
from flmrcm.config.compose import compose_config
from flmrcm.config.conf_files import list_options
from flmrcm.config.model_fit import find_model_problems
from flmrcm.errors import ConfigErrors
from flmrcm.strategies.fedavg import FedAvg

WORDS = ["sites=simulated_pair", "model.channels=2", "model.pools=2", "compute=cpu"]


def problems_of(*words):
    with pytest.raises(ConfigErrors) as caught:
        check_config(compose_config("train", [*WORDS, *words]))
    return caught.value.problems


def test_a_pattern_that_fits_nothing_is_refused_with_names_that_would():
    (problem,) = problems_of("strategy=fedper", "strategy.private=[decoder.*]")
    assert problem.startswith("strategy.private=decoder.*: fits no weight of the model")
    assert "down_sample_layers.0.layers.0.weight" in problem


def test_something_has_to_be_shared():
    (problem,) = problems_of("strategy=fl_mr", "strategy.private=['*']")
    assert "leave some to share" in problem


@pytest.mark.parametrize("kind", ["register_buffer", "register_parameter"])
def test_complex_weights_whose_mean_would_lose_a_part_are_refused_by_name(kind):
    model, weight = torch.nn.Module(), torch.ones(2, dtype=torch.complex64)
    getattr(model, kind)("phase", torch.nn.Parameter(weight) if "parameter" in kind else weight)
    module = SimpleNamespace(model=model, make_optimizer=torch.optim.RMSprop)
    (problem,) = find_model_problems(FedAvg(), module, {})
    assert problem.startswith("model: phase of Module is complex")


STRATEGIES = list_options("strategy")
DESCENT = "local.optimizer._target_=torch.optim.SGD"


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_takes_private_weights(strategy):
    words = [f"strategy={strategy}", "strategy.private=['up_*']", DESCENT, "model.norm=batch"]
    setup = check_config(compose_config("train", [*WORDS, *words]))
    assert not setup.strategy.is_shared("up_conv.0.layers.0.weight")


def test_fednova_asks_for_plain_descent_before_anything_starts():
    (problem,) = problems_of("strategy=fednova")
    assert problem.startswith("strategy: FedNova is exact for SGD without momentum, and")
    assert DESCENT in problem
    for word in (DESCENT, "strategy.any_optimizer=true"):
        assert check_config(compose_config("train", [*WORDS, "strategy=fednova", word])).strategy


def test_an_optimizer_that_cannot_be_built_is_told_once():
    (problem,) = problems_of("strategy=fednova", "local.optimizer.lr=-1")
    assert problem.startswith("local.optimizer.lr=-1")


def test_checkpoints_of_cascades_need_cascades():
    (problem,) = problems_of("compute.checkpoint_cascades=true")
    assert problem.startswith("compute.checkpoint_cascades=true: UNet is no row of cascades")
    words = ["sites=simulated_pair", "model=cascade", "compute=cpu"]
    cfg = compose_config("train", [*words, "compute.checkpoint_cascades=true"])
    assert check_config(cfg).compute.checkpoint_cascades


def test_a_network_on_kspace_may_crop_its_images_as_small_as_it_likes():
    words = ["sites=simulated_pair", "model=varnet", "size=tiny", "compute=cpu"]
    check_config(compose_config("train", [*words, "model.pools=4", "data.resolution=16"]))
