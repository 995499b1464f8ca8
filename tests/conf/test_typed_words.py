"""What may be typed, what is refused, and that all of it is refused at once."""

import pytest

from flmrcm.config.check import check_config
from flmrcm.config.compose import compose_config, expand_words
from flmrcm.errors import ConfigErrors

SMALL = ["model.channels=2", "model.pools=2"]


def refused(*words):
    with pytest.raises(ConfigErrors) as caught:
        compose_config("train", expand_words(words))
    return caught.value.problems


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("+gradient_clip=3", "gradient_clip: there is no such key."),
        ("+roundz=7", "roundz: there is no such key. Did you mean 'rounds'?"),
        ("++roundz=7", "Did you mean 'rounds'?"),
        ("+robust.qorum=3", "robust.qorum: there is no such key. Did you mean 'robust.quorum'?"),
        ("+robust={qorum: 3}", "Did you mean 'robust.quorum'?"),
        ("mask={acelerations: [4]}", "Did you mean 'mask.accelerations'?"),
        ("+data.simulated.sise=3", "Did you mean 'data.simulated.size'?"),
        ("+test.max=3", "test.max: there is no such key."),
        ("+experiment.x=3", "experiment.x: there is no such key."),
        ("+site=sim_b", "Did you mean 'sites' or '+site@sites.NAME=FILE'?"),
        ("epochs=3", "Did you mean 'rounds' or 'local.epochs'?"),
        ("lr=3", "Did you mean 'local.optimizer.lr'?"),
        ("gpu=0", "Did you mean 'compute=gpu' or 'compute.device'?"),
        ("strategy.lambda=1", "Did you mean 'strategy.weight'?"),
        ("channels=3", "Did you mean 'model.channels'?"),
        (
            "strategy.mu=1",
            "but with strategy=ditto or strategy=fedprox",
        ),
        ("strategy=fedavg", "Did you mean 'fl_mr'?"),
        ("strategy=FL-MRCM", "Did you mean 'fl_mrcm'?"),
        ("sites=BFHI", "Did you mean 'bfhi'?"),
        ("experiment=published/fl_mrc", "Did you mean 'published/fl_mrcm'?"),
        ("mask=null", "mask=null: use one of equispaced,"),
        ("strategy=3", "strategy=3: use one of ditto, fed"),
        ("~mask", "mask: nothing is chosen; use one of equispaced,"),
        ("~data", "data: can't be taken away."),
        ("~data.seed", "data.seed: can't be taken away."),
        ("~target", "target: can't be taken away."),
        ("~sites.sim_b.slices", "~sites.sim_b.slices: is null; there is nothing to take away."),
        ("~nope", "nope: there is no such key."),
        ("data=3", "data=3: holds keys and values: seed, "),
        ("+rounds=3", "rounds: is there already; leave out the +."),
        ("seed=1,2", "seed=1,2: several values make several runs; add -m."),
        ("rounds", "rounds: words are KEY=VALUE or GROUP=NAME."),
        ("mask.accelerations=[4", "mask.accelerations=[4: can't be read;"),
        ("name=${oc.env:NOPE}", "name=${oc.env:NOPE}: Environment variable 'NOPE' not found."),
        ("name=${name}", "name=${name}: Recursive interpolation detected."),
        ("name=${nope}", "name=${nope}: Interpolation key 'nope' not found."),
        ("robust.bench_after=3", "robust.bench_after: is called robust.suspend_after now."),
        ("+robust={bench_for: 3}", "robust.bench_for: is called robust.suspend_for now."),
        ("searchpath=[/nope]", "searchpath: /nope isn't a folder."),
        ("hydra.searchpath=[pkg://nope.conf]", "no package nope is installed."),
    ],
)
def test_a_slip_is_one_line_with_the_way_out(word, said):
    (problem,) = refused(word)
    assert said in problem
    assert "\n" not in problem


@pytest.mark.parametrize(
    "words",
    [
        ["+site@sites.ours=sim_b"],
        ["+mask@sites.sim_b.mask=equispaced", "sites.sim_b.mask.accelerations=[8]"],
        ["+local.optimizer.momentum=0.9"],
        ["~local.optimizer.lr"],
        ["sites.sim_b.files={contrast}/{split}/*.h5"],
        ["++sites.sim_b.label=B (ours)"],
        ["~sites.sim_b", "~sites.sim_f.generator.size"],
        ["++model.dropout=0.1"],
        ["~logger.wandb"],
        ["sites=iid", "split.of=ixi", "data_dir=/data"],
    ],
)
def test_what_adds_or_takes_away_something_that_is_read_goes_on_working(words):
    assert check_config(compose_config("train", expand_words([*SMALL, *words]))).sites


def test_a_class_says_which_arguments_it_takes():
    cfg = compose_config("train", ["+model.width=3"])
    with pytest.raises(ConfigErrors, match=r"model\.width: there is no such key"):
        check_config(cfg)


def test_all_slips_are_told_together():
    words = ["roundz=3", "mask.acelerations=[4]", "strategy=fl_mm", "+stop=3", "a=[", "seed=2"]
    told = refused(*words, "~data.seed")
    assert [problem.split(":")[0] for problem in told] == [
        "roundz", "stop", "a=[", "strategy=fl_mm", "mask.acelerations", "data.seed",
    ]  # fmt: skip


@pytest.mark.parametrize("key", ["data_dir", "init_from", "sites.sim_b.root", "sites.sim_b.policy"])
@pytest.mark.parametrize(
    "path",
    [
        "epoch=49-step=100.ckpt",
        "/a b/(c)/[d]",
        "#1/~x/über",
        "a,b",
        "it's",
        "a{b}",
        "end\\",
        'say "a"',
    ],
)
def test_a_path_may_hold_any_character(key, path):
    cfg = compose_config("train", [f"{key}={path}"])
    value = cfg
    for part in key.split("."):
        value = value[part]
    assert value == path


def test_a_path_in_quotes_stays_what_is_in_them():
    assert compose_config("train", ["data_dir='/a,b'"]).data_dir == "/a,b"
    assert compose_config("train", ["data_dir=null"]).data_dir is None
    assert compose_config("train", ["data_dir=${oc.env:HOME}/x=1"]).data_dir.endswith("/x=1")


@pytest.fixture
def own_conf(tmp_path):
    (tmp_path / "conf=1" / "site").mkdir(parents=True)
    (tmp_path / "conf=1/site/ours.yaml").write_text("defaults: [_folder]\nroot: /data\n")
    (tmp_path / "conf=1/experiment").mkdir()
    (tmp_path / "conf=1/experiment/mine.yaml").write_text("# @package _global_\nstop_after: 3\n")
    return tmp_path / "conf=1"


@pytest.mark.parametrize("word", ["searchpath=['{}']", "hydra.searchpath=['file://{}']"])
def test_configs_of_ones_own_are_found_kept_and_suggested(own_conf, word):
    word = word.format(own_conf)
    cfg = compose_config("train", [word, "+site@sites.ours=ours"])
    assert (cfg.sites.ours.root, list(cfg.searchpath)) == ("/data", [str(own_conf)])
    assert "Did you mean 'ours'?" in refused(word, "+site@sites.ours=OURS")[0]


@pytest.mark.parametrize("key", ["searchpath", "hydra.searchpath"])
def test_configs_of_a_package_are_found_kept_and_suggested(own_conf, key, monkeypatch):
    package = own_conf.parent / "ours_beside_flmrcm"
    package.mkdir()
    package.joinpath("__init__.py").write_text("")
    own_conf.rename(package / "conf")
    monkeypatch.syspath_prepend(package.parent)
    word = f"{key}=[pkg://ours_beside_flmrcm.conf]"
    cfg = compose_config("train", [word, "+site@sites.ours=ours"])
    assert cfg.sites.ours.root == "/data"
    again = compose_config("train", [f"searchpath={list(cfg.searchpath)}", "+site@sites.ours=ours"])
    assert again.sites.ours.root == "/data"
    assert "Did you mean 'ours'?" in refused(word, "+site@sites.ours=OURS")[0]


def test_a_key_that_nothing_reads_is_refused_from_files_too(own_conf):
    (problem,) = refused(f"searchpath=['{own_conf}']", "experiment=mine")
    assert problem.startswith("stop_after: there is no such key.")


def test_a_file_that_is_no_yaml_is_named(own_conf):
    (own_conf / "site/ours.yaml").write_text("root: [")
    (problem,) = refused(f"searchpath=['{own_conf}']", "+site@sites.ours=ours")
    assert "ours.yaml" in problem
    assert "\n" not in problem
