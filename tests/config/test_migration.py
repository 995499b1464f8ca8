"""What version 0.1.0 called otherwise: old configs are read, old words are sent to the new ones."""

import pytest
from hydra.utils import get_object

from flmrcm.config.build import to_plain
from flmrcm.config.check import check_config
from flmrcm.config.compose import compose_config
from flmrcm.config.conf_files import list_known_keys
from flmrcm.config.identity import hash_config
from flmrcm.config.migration import (
    RENAMED_KEYS,
    RENAMED_TARGETS,
    find_new_name,
    find_new_target,
    migrate_config,
    restore_first_names,
)
from flmrcm.config.run_config import complete_config
from flmrcm.errors import ConfigErrors

OLD_TARGETS = [
    "flmrcm.data.prepare.brats.BratsSource",
    "flmrcm.data.prepare.dicom.DicomSource",
    "flmrcm.data.prepare.fastmri.FastmriSource",
    "flmrcm.data.prepare.ixi.IxiSource",
    "flmrcm.data.prepare.nifti.NiftiSource",
    "flmrcm.engines.flower.FlowerSites",
    "flmrcm.engines.nvflare.NVFlareSites",
    "flmrcm.models.discriminator.discriminator",
    "flmrcm.physics.masks.Equispaced",
    "flmrcm.physics.masks.EquispacedOffset",
    "flmrcm.physics.masks.Random",
    "flmrcm.physics.masks.RandomBernoulli",
    "flmrcm.simulation.simulated.SimulatedSite",
]
"""Every class and function that the conf/ of version 0.1.0 named and that is elsewhere now."""

OLD_HASHES = {
    "": "ed44770ae115",
    "strategy=fl_mr": "3747efc38e25",
    "mask=equispaced": "51725d9d8cc7",
    "sites=bfhi data_dir=/data": "91e504df81a7",
    "experiment=published/fl_mrcm data_dir=/data": "9ac8d593ec5d",
    "strategy=fl_mrcm_latent robust.quorum=3": "188d2538675c",
    "robust.quorum=3 robust.suspend_after=2": "dd55b778ab54",
    "middleware.reply_validation.norm_factor=3 robust.quorum=3": "7592d0245a85",
    "engine=ray middleware.wire.kind=bf16": "bf8afc76908e",
    "sites=simulated_masks": "580d73c94ac7",
    "debug=tiny": "159699b03044",
}
"""Words of today, and the hash that version 0.1.0 gave for the same experiment."""


@pytest.mark.parametrize("old", OLD_TARGETS)
def test_what_moved_is_found_where_it_is_now(old):
    new = find_new_target(old)
    assert new is not None
    assert callable(get_object(new))


def test_what_stands_stays():
    assert find_new_target("flmrcm.models.unet.UNet") is None
    assert find_new_target("flmrcm.models.discriminator.build_discriminator") is None
    assert find_new_name("robust.quorum") is None
    assert all(find_new_target(f"{new}x") is None for new in RENAMED_TARGETS.values())


@pytest.mark.parametrize("old", [key for key in RENAMED_KEYS if key != "evaluate.judged"])
def test_a_new_name_is_a_key_of_today_and_the_old_one_is_not(old):
    keys = {*list_known_keys("train"), *list_known_keys("evaluate")}
    assert RENAMED_KEYS[old] in keys
    assert old not in keys


@pytest.mark.parametrize(
    ("word", "new"),
    [
        ("robust.bench_after=2", "robust.suspend_after"),
        ("+robust.bench_for=2", "robust.suspend_for"),
        ("robust.norm_factor=2", "middleware.reply_validation.norm_factor"),
        ("robust.largest_reply=2", "middleware.reply_validation.largest_reply"),
        ("engine.wire=bf16", "middleware.wire.kind"),
    ],
)
def test_an_old_word_names_the_new_one(word, new):
    with pytest.raises(ConfigErrors) as caught:
        compose_config("train", [word])
    assert caught.value.problems == [f"{word.lstrip('+').split('=')[0]}: is called {new} now."]


def test_an_old_config_is_one_of_today():
    today = to_plain(compose_config("train", ["robust.quorum=3", "robust.suspend_after=2"]))
    today["middleware"]["wire"]["kind"] = "bf16"
    old = restore_first_names(today)
    assert old["robust"]["bench_after"] == 2
    assert old["engine"]["wire"] == "bf16"
    assert old["mask"]["_target_"] == "flmrcm.physics.masks.Random"
    assert migrate_config(old) == today
    for later in ("middleware", "privacy", "loss", "metrics", "maps", "searchpath", "ema",
                  "early_stopping"):  # fmt: skip
        del old[later]
    assert to_plain(complete_config(old)) == today
    assert check_config(complete_config(old)).plan.tolerance.quorum == 3


def test_a_config_of_today_stays_as_it_is():
    today = to_plain(compose_config("train", ["sites=iid", "split.of=ixi"]))
    assert migrate_config(today) == today
    assert to_plain(complete_config(today)) == today


@pytest.mark.parametrize("line", OLD_HASHES)
def test_an_experiment_keeps_the_hash_its_sweep_was_begun_with(line):
    assert hash_config(_root_=compose_config("train", line.split())) == OLD_HASHES[line]
