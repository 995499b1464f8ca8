"""Installed packages bring configs along: found with nothing typed, and harmless when broken."""

import logging

import pytest

from flmrcm.config.compose import compose_config
from flmrcm.config.conf_files import list_options_with_key, list_plugins
from flmrcm.config.hydra_app import complete_line
from flmrcm.config.plugin_help import describe_plugins
from flmrcm.config.preparation import build_preparation, compose_preparation
from flmrcm.config.run_config import overlay_words
from flmrcm.errors import ConfigErrors

MASK = "defaults: [_lists]\n_target_: flmrcm.mri.masks.Random\nseed: {}\n"
LOSS = "_target_: mymri.losses.Mine\nedge: 1\n"
SOURCE = """# @package _global_
visits: 1
source: {_target_: mymri.sources.Mine, input: "${input}", visits: "${visits}"}
"""
CONFIGS = {
    "conf/mask/mine.yaml": MASK.format(5),
    "conf/mask/_part.yaml": "seed: 1\n",
    "conf/loss/mine.yaml": LOSS,
    "conf/site/ours.yaml": "defaults: [_folder]\nroot: /data\n",
    "conf/experiment/folder/ours.yaml": "# @package _global_\nrounds: 7\n",
    "conf/prepare/source/scans.yaml": SOURCE,
    "conf/figure/bars.yaml": "_target_: mymri.bars.draw\n",
}
NEVER_IMPORTED = {"__init__.py": "raise RuntimeError", "conf/__init__.py": "raise RuntimeError"}


def refused(*words):
    with pytest.raises(ConfigErrors) as caught:
        compose_config("train", words)
    return caught.value.problems


def test_every_kind_of_choice_is_found_with_nothing_typed_and_nothing_imported(packages):
    packages.install({**CONFIGS, **NEVER_IMPORTED})
    words = ["mask=mine", "loss=mine", "+site@sites.ours=ours", "experiment=folder/ours"]
    cfg = compose_config("train", words)
    assert (cfg.mask.seed, cfg.loss.edge, cfg.sites.ours.root, cfg.rounds) == (5, 1, "/data", 7)
    assert cfg.searchpath is None, "a run notes only what was typed"


def test_a_run_of_before_is_evaluated_with_it(packages):
    run = compose_config("train", ["mask=random"])
    packages.install(CONFIGS)
    assert overlay_words(run, ["mask=mine"]).mask.seed == 5


def test_choices_and_keys_are_suggested_and_listed_with_their_package(packages):
    packages.install(CONFIGS)
    (problem,) = refused("mask=MIN")
    assert "mine (mymri). Did you mean 'mine'?" in problem
    assert "random (" not in problem
    assert "_part" not in problem
    (problem,) = refused("loss=mine", "loss.egde=2")
    assert "Did you mean 'loss.edge'?" in problem
    assert list_options_with_key("loss.edge") == ["loss=mine"]


def test_a_shell_completes_them(packages, capsys, monkeypatch):
    packages.install(CONFIGS)
    monkeypatch.setenv("COMP_LINE", "flmrcm train loss=min")
    complete_line(["-sc", "query=bash"], ["train"])
    assert capsys.readouterr().out.strip() == "loss=mine"


def test_help_lists_what_a_command_can_use(packages):
    packages.install(CONFIGS)
    train = describe_plugins("train")
    assert "mymri 1.2" in train
    for word in ("mask=mine", "loss=mine", "+site@sites.NAME=ours", "experiment=folder/ours"):
        assert word in train
    assert not any(word in train for word in ("source=", "figure", "_part"))
    assert "source=scans" in describe_plugins("prepare")
    assert "mask=" not in describe_plugins("prepare")
    assert "figure bars" in describe_plugins("compare")
    assert describe_plugins("down") == ""


def test_help_says_nothing_where_nothing_is_installed():
    assert describe_plugins("train") == ""


@pytest.mark.parametrize("typed", [False, True])
def test_a_source_brings_keys_of_its_own(packages, typed, monkeypatch):
    folder = packages.install({**CONFIGS, "sources.py": "class Mine:\n    pass\n"})
    search = [f"hydra.searchpath=[file://{folder}/conf]"] if typed else []
    if typed:
        packages.install({"conf/mask/x.yaml": MASK.format(1)}, "mymri_away", "mymri_away.conf")
    words = [*search, "source=scans", "input=/in", "output=out", "visits=3"]
    assert compose_preparation(words).source.visits == 3
    with pytest.raises(ConfigErrors, match=r"vsits: there is no .* Did you mean 'visits'"):
        compose_preparation([*words, "vsits=3"])
    with pytest.raises(ConfigErrors, match=r"one of bids, .*scans \(mymri\)"):
        compose_preparation(["input=/in"])


def test_a_class_that_cannot_be_imported_is_one_line_that_names_it(packages):
    packages.install({**CONFIGS, "sources.py": "import no_such_module\n"})
    cfg = compose_preparation(["source=scans", "input=/in", "output=out"])
    with pytest.raises(ConfigErrors) as caught:
        build_preparation(cfg, print)
    (problem,) = caught.value.problems
    assert problem == "source._target_=mymri.sources.Mine: No module named 'no_such_module'."


def test_what_is_typed_goes_before_what_is_installed_and_the_house_before_both(packages, tmp_path):
    packages.install(CONFIGS)
    for name in ("mine", "random"):
        path = tmp_path / f"typed/mask/{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(MASK.format(9))
    word = f"searchpath=[{tmp_path}/typed]"
    assert compose_config("train", [word, "mask=mine"]).mask.seed == 9
    assert compose_config("train", [word, "mask=random"]).mask.seed != 9
    both = compose_config("train", [word, "mask=mine", "loss=mine"])
    assert both.loss.edge == 1, "what isn't typed is still found"


@pytest.mark.parametrize(
    ("files", "names", "why"),
    [
        ({"conf/loss/x.yaml": LOSS}, "mymri.configs", "there is no folder"),
        ({"conf/loss/x.yaml": LOSS}, "my_mri.conf", "there is no package my_mri;"),
        ({"conf/loss/x.yaml": LOSS}, "mymri.conf:thing", "should name a folder of configs"),
        ({"conf/loss/x.yml": LOSS}, None, "no .yaml is in"),
        ({"conf/loss/l1.yaml": LOSS}, None, "loss/l1.yaml: flmrcm has a file of that name"),
        ({"conf/mask/_lists.yaml": LOSS}, None, "mask/_lists.yaml: flmrcm has a file"),
        ({"conf/train.yaml": LOSS}, None, "train.yaml: flmrcm has a file of that name"),
        ({"conf/loss/theirs.yaml": LOSS}, None, "loss/theirs.yaml: theirs 1.2 has a file"),
    ],
)
def test_a_broken_package_is_left_out_with_one_line_and_hurts_nobody(
    packages, caplog, files, names, why
):
    packages.install({"conf/loss/fine.yaml": LOSS}, "fine")
    packages.install({"conf/loss/theirs.yaml": LOSS}, "theirs")
    packages.install(files, "mymri", names)
    with caplog.at_level(logging.WARNING):
        assert compose_config("train", ["loss=fine"]).loss.edge == 1
        assert compose_config("train", ["loss=l1"])
    lines = [record.getMessage() for record in caplog.records if "mymri 1.2" in record.getMessage()]
    (said,) = [line for line in lines if line.startswith("mymri 1.2 is left out")]
    assert why in said
    assert "\n" not in said
    assert said in describe_plugins("train")
    assert describe_plugins("down") == ""
    left = ["fine"] if "theirs.yaml" in why else ["fine", "theirs"]
    assert [plugin.package for plugin in list_plugins().usable] == left
