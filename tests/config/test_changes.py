"""What a run's user chose: the settings that aren't the defaults'."""

import pytest
from omegaconf import OmegaConf

from flmrcm.config.changes import list_changes
from flmrcm.config.compose import compose_config
from flmrcm.config.sites import choose_participants, choose_target


def as_run(*words):
    """Return a config as a run's folder holds it: resolved, with the names of its sites."""
    config = compose_config("train", words)
    config.participants, config.target = (
        choose_participants(config),
        choose_target(config.target, config),
    )
    return OmegaConf.to_container(config, resolve=True)


def changed(*words):
    return {key: (value, default) for key, value, default in list_changes(as_run(*words))}


def test_a_run_of_the_defaults_changes_nothing():
    assert changed() == {}


@pytest.mark.parametrize(
    ("word", "key", "pair"),
    [
        ("rounds=3", "rounds", (3, 50)),
        ("mask.accelerations=[8]", "mask.accelerations", ([8], [4])),
        ("loss=l2", "loss._target_", ("flmrcm.learning.losses.L2", "flmrcm.learning.losses.L1")),
        ("robust.quorum=2", "robust.quorum", (2, None)),
        ("name=mine", "name", ("mine", "train")),
    ],
)
def test_a_word_is_one_setting(word, key, pair):
    assert changed(word) == {key: pair}


def test_sites_are_their_names_not_all_that_they_set(tmp_path):
    found = changed("sites=bfhi", f"data_dir={tmp_path}")
    assert found["sites"][0] == ["brats", "fastmri", "hpks", "ixi"]
    assert not [key for key in found if key.startswith("sites.")]


def test_where_files_lie_is_no_setting(tmp_path):
    assert changed(f"data.simulated.folder={tmp_path}") == {}


def test_another_strategys_own_arguments_are_told():
    assert changed("strategy=fedprox")["strategy.mu"][1] is None
