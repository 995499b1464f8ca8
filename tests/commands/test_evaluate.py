"""`flmrcm evaluate` on checkpoints of ours and of others."""

from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from kits.factories import make_unet, write_site

from flmrcm.app import main
from flmrcm.learning.records import SAVED_KINDS

MODEL = ["model.channels=2", "model.pools=2", "engine.threads=1", "compute=cpu"]
HERE = ["sites=bfhi", "data_dir=data"]


@pytest.fixture(autouse=True)
def hospitals(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("BraTS", "fastMRI", "HPKS", "IXI"):
        write_site(tmp_path / "data" / name)


@pytest.fixture
def trained():
    words = ["rounds=1", "logger=csv", "participants=BF", "target=B", "local.batch_size=2"]
    main(["train", *HERE, *MODEL, *words])
    (run,) = Path("outputs/train").iterdir()
    return run


def scores(folder):
    return pd.read_csv(Path(folder) / "scores.csv")


def refused(capsys, *words):
    with pytest.raises(SystemExit) as stopped:
        main(["evaluate", *words])
    return stopped.value.code, capsys.readouterr().err


def test_judging_again_gives_the_scores_of_the_run(trained):
    main(["evaluate", f"checkpoint={trained}/checkpoints/last.pt", "output=again"])
    pd.testing.assert_frame_equal(scores("again"), scores(trained))


def change_config(run, **changes):
    """Write a checkpoint like the run's last one, but for some nodes of its config."""
    content = torch.load(run / "checkpoints" / "last.pt", weights_only=True)
    content["config"] |= changes
    torch.save(content, "foreign.pt")


TOUCH = {"_target_": "pathlib.Path.touch", "self": {"_target_": "pathlib.Path", "_args_": ["hit"]}}


@pytest.mark.parametrize(
    "changes",
    [
        {"model": TOUCH},
        {"compute": TOUCH},
        {"local": {**TOUCH, "batch_size": 1}},
        {"metrics": {"psnr": TOUCH}},
        {"mask": {"_target_": "flmrcm.mri.masks.Random", "seed": TOUCH}},
        {"sites": {"ixi": {"root": "data", "contrast": "T1", "generator": TOUCH}}},
        {"name": "${oc.env:HOME}"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_checkpoint_never_runs_code(trained, capsys, changes):
    change_config(trained, **changes)
    code, said = refused(capsys, "checkpoint=foreign.pt")
    assert code == 1
    assert "foreign.pt: config." in said
    assert "trust=true builds it all the same" in said
    assert not Path("hit").exists()
    assert str(Path.home()) not in said


def test_trust_is_a_users_own_word(trained, capsys):
    nothing = {"_target_": "builtins.dict"}  # a class of another package; harmless, and no model
    change_config(trained, model=nothing)
    assert "trust=true" in refused(capsys, "checkpoint=foreign.pt")[1]
    code, said = refused(capsys, "checkpoint=foreign.pt", "trust=true")
    assert code == 2
    assert "model: builtins.dict is no Reconstructor." in said


def test_everything_asked_for_is_saved(trained):
    kinds = ",".join(SAVED_KINDS)
    checkpoint = f"checkpoint={trained}/checkpoints/last.pt"
    main(["evaluate", checkpoint, f"save=[{kinds}]", "output=kept", "test_sites=I"])
    (path,) = Path("kept/reconstructions/ixi").iterdir()
    with h5py.File(path) as file:
        kept = {name: np.asarray(file[name]) for name in file}
    assert set(kept) == set(SAVED_KINDS)
    assert kept["latent"].shape == (3, 32)
    error = np.abs(kept["reconstruction"] - kept["target"])
    np.testing.assert_array_equal(kept["error"], error)


def test_other_sites_masks_and_splits_can_be_typed(trained):
    checkpoint = f"checkpoint={trained}/checkpoints/last.pt"
    words = ["mask=equispaced", "mask.accelerations=[2]", "split=val", "test_sites=[hpks]"]
    main(["evaluate", checkpoint, *words, "output=other"])
    found = scores("other")
    assert set(found.site) == {"hpks"}
    assert set(found.volume) == {"hpks/val_0"}


def test_weights_of_others_are_judged_too():
    torch.save({"state_dict": make_unet().state_dict()}, "theirs.ckpt")
    main(["evaluate", "checkpoint=theirs.ckpt", *HERE, *MODEL, "output=theirs"])
    assert set(scores("theirs").method) == {"theirs", "zero-filled"}


def test_published_scores_clamp_and_others_do_not(trained):
    checkpoint = f"checkpoint={trained}/checkpoints/last.pt"
    for clamp in ("true", "false"):
        main(["evaluate", checkpoint, f"data.clamp_target={clamp}", f"output=clamp_{clamp}"])
    pd.testing.assert_frame_equal(scores("clamp_true"), scores("clamp_false"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["checkpoint=nowhere.pt"], "there is no such checkpoint"),
        ([], "give checkpoint=FILE"),
        (["checkpoint=theirs.ckpt", "split=tets"], "Did you mean 'test'?"),
        (["checkpoint=theirs.ckpt", "save=[recon]"], "save=recon: use one of reconstruction"),
        (["checkpoint=theirs.ckpt", "test_sites=[ixy]"], "Did you mean 'ixi'?"),
        (["checkpoint=theirs.ckpt", "model.channels=4"], "weights of another architecture"),
        (["checkpoint=data"], "data: is a folder; name a file"),
        (["checkpoint=theirs.ckpt", "judged=I"], "judged: is called test_sites now."),
        (["checkpoint=theirs.ckpt", "~sites.ixy"], "Did you mean 'sites.ixi'?"),
        (["checkpoint=theirs.ckpt", "~sites"], "sites: nothing is chosen; use one of bfhi,"),
        (["checkpoint=theirs.ckpt", "sites.ixi.slises=3"], "Did you mean 'sites.ixi.slices'?"),
        (["checkpoint=theirs.ckpt", "mask=random,equispaced"], "make several runs; add -m."),
        (["checkpoint=theirs.ckpt", "debug=tiny"], "it can't be laid over a run's own"),
        (["checkpoint=broken.ckpt"], "broken.ckpt: conv.layers.0.weight holds values that aren't"),
        (["checkpoint=theirs.ckpt", "contrast=T3"], "no site has a split 'test'"),
    ],
)
def test_bad_input_is_one_line(capsys, words, said):
    weights = make_unet().state_dict()
    torch.save(weights, "theirs.ckpt")
    weights["conv.layers.0.weight"][0, 0, 0, 0] = float("nan")
    torch.save(weights, "broken.ckpt")
    status, printed = refused(capsys, *HERE, *MODEL, *words)
    assert status in (1, 2)
    assert not Path("outputs").exists()
    assert said in " ".join(printed.split())
    assert "Traceback" not in printed


def spoil_a_target():
    with h5py.File("data/IXI/T1/test/test_0.h5", "a") as file:
        target = file["reconstruction_esc"]
        target[...] = target[()] - target[()].mean()


def write_small_images():
    write_site(Path("data/IXI"), size=(6, 16))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (spoil_a_target, "holds negative values"),
        (write_small_images, "6×16 images; SSIM needs 7×7"),
    ],
)
def test_what_cannot_be_scored_is_told_before_anything_is_tested(capsys, spoil, said):
    torch.save(make_unet().state_dict(), "theirs.ckpt")
    spoil()
    _, printed = refused(capsys, *HERE, *MODEL, "checkpoint=theirs.ckpt", "output=judged")
    assert said in " ".join(printed.split())
    assert not Path("judged").exists()


def test_one_checkpoint_under_many_masks_is_one_table(trained, capsys):
    words = ["-m", f"checkpoint={trained}/checkpoints/last.pt", "test_sites=BI", "output=many"]
    main(["evaluate", *words, "mask=random,equispaced", "mask.accelerations=[2],[4]"])
    assert "Equispaced" in capsys.readouterr().out
    means = pd.read_csv("many/conditions.csv")
    assert set(means["mask"]) == {"Random", "Equispaced"}
    assert set(means["site"]) == {"brats", "ixi"}
    assert len(list(Path("many").glob("*/scores.csv"))) == 4


def test_many_checkpoints_are_judged_across_sites(trained):
    first = trained / "checkpoints" / "last.pt"
    words = ["rounds=1", "logger=csv", "participants=I", "target=I", "local.batch_size=2"]
    main(["train", *HERE, *MODEL, *words, "name=other"])
    (other,) = Path("outputs/other").glob("*/checkpoints/last.pt")
    main(["evaluate", "-m", f"checkpoint={first},{other}", "output=cross"])
    means = pd.read_csv("cross/conditions.csv")
    assert set(means["target"]) == {"brats", "ixi"}
    assert set(means["site"]) == {"brats", "fastmri", "hpks", "ixi"}


def test_every_combination_is_checked_before_the_first_is_tested(capsys):
    torch.save(make_unet().state_dict(), "theirs.ckpt")
    words = ["-m", "checkpoint=theirs.ckpt", *HERE, *MODEL, "mask.accelerations=[4],[0.5],[0.2]"]
    printed = refused(capsys, *words, "output=many")[1]
    assert len(printed.splitlines()) == 2
    assert not Path("many").exists()


@pytest.mark.parametrize("name", ["epoch=49-step=100.ckpt", "a (1) [x], #2~ü.ckpt"])
def test_a_checkpoint_may_be_called_anything(name):
    torch.save(make_unet().state_dict(), name)
    Path("data").rename("my data=1")
    words = [f"checkpoint={name}", "sites=bfhi", "data_dir=my data=1", "output=out = (1)"]
    main(["evaluate", *words, *MODEL])
    assert set(scores("out = (1)").site) == {"brats", "fastmri", "hpks", "ixi"}


def test_sites_can_be_left_out_moved_and_added(trained):
    Path("data/IXI").rename("elsewhere")
    words = ["~sites.fastmri", "sites.ixi.root=elsewhere", "+site@sites.ours=hpks"]
    main(["evaluate", f"checkpoint={trained}/checkpoints/last.pt", "output=other", *words])
    assert set(scores("other").site) == {"brats", "hpks", "ixi", "ours"}


def test_configs_of_ones_own_are_found_where_the_run_found_them(tmp_path):
    (tmp_path / "my conf/site").mkdir(parents=True)
    (tmp_path / "my conf/site/ours.yaml").write_text("defaults: [_folder]\nfolder: IXI\n")
    (tmp_path / "my conf/mask").mkdir()
    mask = "defaults: [random]\naccelerations: [2]\n"
    (tmp_path / "my conf/mask/mine.yaml").write_text(mask)
    words = ["rounds=1", "logger=csv", "local.batch_size=2", "strategy=fl_mr", "target=ours"]
    site = ["+site@sites.ours=ours", "participants=[ours]", "searchpath=['my conf']"]
    main(["train", *HERE, *MODEL, *words, *site])
    (checkpoint,) = Path("outputs/train").glob("*/checkpoints/last.pt")
    main(["evaluate", f"checkpoint={checkpoint}", "mask=mine", "output=again", "test_sites=[ours]"])
    config = yaml.safe_load(Path("again/config.yaml").read_text())
    assert config["mask"]["accelerations"] == [2]
    assert config["searchpath"] == [str(tmp_path / "my conf")]
    assert set(scores("again").site) == {"ours"}
