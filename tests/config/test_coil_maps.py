"""What `maps=` goes with which model and mask, told before any data are touched."""

import pytest

from flmrcm.config.check import check_config
from flmrcm.config.compose import compose_config
from flmrcm.data.coil_maps import Adaptive, FromModel, SenseNet, Stored
from flmrcm.data.espirit_maps import Espirit
from flmrcm.errors import ConfigErrors

WORDS = ["sites=simulated_pair", "size=tiny", "compute=cpu"]
ON_KSPACE = ("unet_complex", "cascade", "modl")


def maps_of(*words):
    setup = check_config(compose_config("train", [*WORDS, *words]))
    return setup.sites["sim_b"].loading.maps


def problems_of(*words):
    with pytest.raises(ConfigErrors) as caught:
        maps_of(*words)
    return caught.value.problems


@pytest.mark.parametrize("model", [*ON_KSPACE, "varnet"])
@pytest.mark.parametrize(
    ("word", "kind"), [("adaptive", Adaptive), ("espirit", Espirit), ("file", Stored)]
)
def test_every_model_on_kspace_takes_every_kind(model, word, kind):
    assert maps_of(f"model={model}", f"maps={word}") == kind()


@pytest.mark.parametrize("model", ["unet", *ON_KSPACE, "varnet"])
def test_by_itself_the_model_finds_them(model):
    assert maps_of(f"model={model}") == FromModel()


def test_a_network_for_maps_is_varnet_s_alone():
    assert maps_of("model=varnet", "maps=sense_net") == SenseNet()
    for model in ON_KSPACE:
        (problem,) = problems_of(f"model={model}", "maps=sense_net")
        assert problem.startswith("maps=sense_net: ")
        assert "use model=varnet, or maps=adaptive" in problem


@pytest.mark.parametrize("word", ["adaptive", "espirit", "file"])
def test_a_model_on_images_reads_no_maps(word):
    (problem,) = problems_of("model=unet", f"maps={word}")
    assert problem.startswith(f"maps={word}: UNet reads no coil maps; leave maps=auto")


def test_a_model_that_needs_maps_and_has_no_way_to_any_is_given_adaptive_ones(monkeypatch):
    monkeypatch.setattr("flmrcm.models.unet.UNet.needs_maps", True)
    assert maps_of("model=unet") == Adaptive()


NO_CENTER = ["mask.center_fractions=[0]"]


@pytest.mark.parametrize(
    ("words", "key"),
    [
        (NO_CENTER, "mask.center_fractions=[0]"),
        (
            ["+mask@sites.sim_b.mask=random", "sites.sim_b.mask.center_fractions=[0]"],
            "sites.sim_b.mask.center_fractions=[0]",
        ),
    ],
)
@pytest.mark.parametrize(
    "model", [["model=varnet"], ["model=cascade", "maps=adaptive"], ["model=modl", "maps=espirit"]]
)
def test_maps_from_the_centre_need_one_in_every_mask(words, key, model):
    (problem,) = problems_of(*model, *words)
    assert problem.startswith(f"{key}: ")
    assert "estimates coil maps from a fully sampled centre" in problem


@pytest.mark.parametrize("model", [["model=unet"], ["model=varnet", "maps=file"]])
def test_where_maps_do_not_come_from_it_a_centre_may_be_missing(model):
    maps_of(*model, *NO_CENTER)


def test_values_are_checked_with_everything_else():
    problems = problems_of("model=cascade", "maps=espirit", "maps.kernel=1", "rounds=0")
    assert sorted(line.split(":")[0] for line in problems) == ["maps.kernel", "rounds"]
    (problem,) = problems_of("model=cascade", "maps=espirit", "+maps.width=3")
    assert problem.startswith("maps.width: there is no such key.")


def test_a_config_from_before_there_was_the_key_leaves_them_to_the_model():
    cfg = compose_config("train", [*WORDS, "model=cascade"])
    del cfg["maps"]
    assert check_config(cfg).sites["sim_b"].loading.maps == FromModel()
