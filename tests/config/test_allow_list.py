"""What somebody else's config may name: nothing that is not on the list is ever built."""

import pytest
from omegaconf import OmegaConf

from flmrcm.config.allow_list import AllowList
from flmrcm.config.build import Builder, to_plain
from flmrcm.config.compose import compose_config, list_options
from flmrcm.config.travelling import TRAVELLING_GROUPS

LIST = AllowList()
NODES = (
    "model", "mask", "maps", "strategy", "loss", "local", "metrics", "middleware", "privacy",
    "augmentation",
)  # fmt: skip


@pytest.mark.parametrize(
    "word",
    [f"{group}={name}" for group in NODES for name in list_options(group)]
    + ["local.optimizer._target_=torch.optim.AdamW", "sites=simulated_masks"],
)
def test_whatever_the_installed_groups_name_is_allowed(word):
    config = to_plain(compose_config("train", [word]))
    for key in (*NODES, "sites"):
        assert LIST.find_problems(key, config.get(key)) == []


ATTACKS = [
    {"_target_": "shutil.copyfile", "src": "policy.yaml", "dst": "elsewhere"},
    {"_target_": "pathlib.Path.write_text", "data": "operations: [train]"},
    {"_target_": "numpy.savetxt", "fname": "x", "X": [1]},
    {"_target_": "tempfile.mkdtemp"},
    {"_target_": "torch.load", "f": "x.pt", "weights_only": False},
    {"_target_": "joblib.load", "filename": "x"},
    {"_target_": "numpy.load", "file": "x.npy", "allow_pickle": True},
    {"_target_": "pandas.read_pickle", "filepath_or_buffer": "x"},
    {"_target_": "torch.optim.lr_scheduler.LambdaLR"},
    {"_target_": "torch.optim.Adam.__init__"},
    {"_target_": "torch.optim"},
    {"_target_": "flmrcm.files.write_atomically"},
    {"_target_": "flmrcm.mri.masks.Random.__init__.__globals__"},
    {"_target_": 7},
    {"_target_": ["shutil.rmtree"]},
    {"_target_": "flmrcm.mri.masks.Random", "_args_": [[4]]},
    {"_target_": "flmrcm.mri.masks.Random", "_recursive_": False},
    {"_target_": "flmrcm.mri.masks.Random", "seed": "${oc.env:SECRET}"},
    {"_target_": "${oc.env:SECRET}"},
    {"_target_": "flmrcm.mri.masks.Random", "seed": {"_target_": "os.getcwd"}},
    {"_target_": "flmrcm.mri.masks.Random", "seed": [{"_target_": "os.getcwd"}]},
    {"_target_": "flmrcm.mri.masks.Random", "seed": {"a": {"_target_": "flmrcm.models.unet.UNet"}}},
    {"_target_": "flmrcm.models.unet.UNet", "channels": {"_target_": "torch.optim.SGD"}},
    {"deep": [{"deep": [{"_target_": "builtins.eval", "_args_": ["1"]}]}]},
    {7: {"_target_": "os.getcwd"}},
]


@pytest.mark.parametrize("node", ATTACKS, ids=lambda node: str(node)[:60])
def test_an_attack_is_a_line_and_the_line_repeats_none_of_its_values(node):
    problems = LIST.find_problems("mask", node)
    assert problems
    for value in ("SECRET", "shutil", "policy.yaml", "eval", "getcwd", "savetxt", "pickle"):
        assert value not in "".join(problems)


def test_a_site_may_allow_a_class_of_its_own_by_name():
    node = {"_target_": "mine.models.Net", "block": {"_target_": "flmrcm.models.unet.UNet"}}
    assert LIST.find_problems("model", node)
    assert AllowList(("mine.models.Net",)).find_problems("model", node) == []


def test_what_a_strategy_nests_is_allowed_and_elsewhere_it_is_not():
    optimizer = {"_target_": "torch.optim.SGD", "_partial_": True}
    strategy = {"_target_": "flmrcm.strategies.fl_mrcm.FLMRCM"}
    assert LIST.find_problems("s", {**strategy, "discriminator_optimizer": optimizer}) == []
    assert LIST.find_problems("s", {**strategy, "weight": optimizer})


def test_a_builder_with_a_list_builds_nothing_that_is_not_on_it(tmp_path):
    target = tmp_path / "made"
    node = {"_target_": "pathlib.Path.mkdir", "self": str(target)}
    builder = Builder(LIST)
    assert builder.build("mask", node) is None
    assert builder.build("mask", OmegaConf.create({**node, "mode": "${oc.env:HOME}"})) is None
    assert len(builder.problems) == 3
    assert not target.exists()
    assert Builder(LIST).build("mask", {"_target_": "flmrcm.mri.masks.Random"}) is not None


THEIRS = {
    "conf/model/theirs.yaml": "_target_: mymri.Net\nblock: {_target_: mymri.Block}\n",
    "conf/logger/theirs.yaml": "theirs: {_target_: mymri.Logger}\n",
}
NET = {"_target_": "mymri.Net", "block": {"_target_": "mymri.Block"}}


def test_an_installed_package_may_nothing_until_it_is_allowed_by_name(packages):
    packages.install(THEIRS)
    packages.install({"conf/model/others.yaml": "_target_: others.Net\n"}, "others")
    for allowed in (LIST, AllowList((), TRAVELLING_GROUPS), AllowList((), None, ("others",))):
        assert allowed.find_problems("model", NET)
    allowed = AllowList((), TRAVELLING_GROUPS, ("mymri",))
    assert allowed.find_problems("model", NET) == []
    for node in (
        {"_target_": "mymri.Logger"},  # no config that travels has a logger
        {"_target_": "mymri.Block", "net": {"_target_": "mymri.Net"}},
        {"_target_": "mymri.Other"},
        {"_target_": "others.Net"},
    ):
        assert allowed.find_problems("model", node)


def test_a_package_that_is_left_out_is_allowed_nothing(packages):
    packages.install({**THEIRS, "conf/model/unet.yaml": "_target_: mymri.Net\n"})
    assert AllowList((), None, ("mymri",)).find_problems("model", NET)
