"""What `flmrcm train` says when it can't: one line, and nothing is lost."""

import os
import resource
import subprocess
from pathlib import Path

import pytest
import torch
from kits.cli import SMALL, command, failing, runs
from kits.factories import make_unet, scanned, write_plain

from flmrcm.app import main


def break_volume(path, kind):
    kspace, image = scanned(3, (16, 16))
    path.unlink()
    if kind == "truncated":
        write_plain(path, kspace=kspace, reconstruction_esc=image)
        path.write_bytes(path.read_bytes()[:3000])
    elif kind == "no kspace":
        write_plain(path, reconstruction_esc=image)
    elif kind == "rank":
        write_plain(path, kspace=kspace[0], reconstruction_esc=image)
    elif kind == "nan":
        kspace[1, 2, 3] = float("nan")
        write_plain(path, kspace=kspace, reconstruction_esc=image)
    elif kind == "large target":
        write_plain(path, kspace=kspace, reconstruction_esc=scanned(3, (20, 16))[1])
    elif kind == "slices":
        write_plain(path, kspace=kspace, reconstruction_esc=image[:2])
    elif kind == "no target":
        write_plain(path, kspace=kspace)


KINDS = ["truncated", "no kspace", "rank", "nan", "large target", "slices", "no target"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_broken_volume_is_one_line_that_names_it(hospitals, capsys, kind):
    path = hospitals / "IXI" / "T1" / "train" / "train_0.h5"
    break_volume(path, kind)
    status, said = failing(capsys, *SMALL)
    assert status == 1
    assert "train_0.h5" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("kind", KINDS)
def test_a_broken_volume_is_left_out_only_when_asked(hospitals, kind):
    break_volume(hospitals / "IXI" / "T1" / "train" / "train_0.h5", kind)
    main(["train", *SMALL, "data.skip_broken=true"])
    (folder,) = runs("small")
    assert "skipped: " in (folder / "run.log").read_text()
    assert "train_0.h5" in (folder / "run.log").read_text()


def test_a_missing_and_an_empty_folder_are_told_apart(hospitals, capsys):
    for path in (hospitals / "IXI" / "T1" / "train").iterdir():
        path.unlink()
    assert "holds no .h5 files" in failing(capsys, *SMALL)[1]
    (hospitals / "IXI" / "T1" / "train").rmdir()
    assert "doesn't exist" in failing(capsys, *SMALL)[1]


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["model.pools=4"], 1, "model.pools=4 is too deep for 16×16 images"),
        (["mask.accelerations=[32]", "mask.center_fractions=[0]"], 1, "needs at least that many"),
        (["local.optimizer.lr=1e38"], 1, "round 0: step 2: the loss isn't finite"),
        (["init_from=nan=1.pth"], 2, "nan=1.pth: conv.layers.0.weight holds values"),
        (["name=../../x"], 2, "name=../../x: letters, digits, _, - and ."),
        (["name=/tmp/x"], 2, "name=/tmp/x: letters"),
        (["name=.hidden"], 2, "name=.hidden: letters"),
        (["name=null"], 2, "name=null: letters"),
        (["name=a//b"], 2, "name=a//b: letters"),
        ([f"name={'x' * 300}"], 2, "name=xxxxxxxxxxxxxxxxxxxx…: letters"),
        (["name=..", "rounds=0", "engine.threads=-3"], 2, "name=..: letters"),
        (["logger=default", "logger.wandb=3"], 2, "logger.wandb=3: a node with _target_"),
        (["init_from=nowhere.pth"], 2, "there is no such checkpoint"),
        (["strategy=fl_mm"], 2, "Did you mean 'fl_mrcm'?"),
        (["resume=nowhere"], 1, "holds no run"),
    ],
)  # fmt: skip
def test_what_cannot_work_ends_with_one_line(hospitals, capsys, words, status, said):
    weights = make_unet().state_dict()
    weights["conv.layers.0.weight"][0, 0, 0, 0] = float("nan")
    torch.save(weights, "nan=1.pth")
    code, printed = failing(capsys, *SMALL, *words)
    assert (code, "Traceback" in printed) == (status, False)
    assert said in " ".join(printed.split())


def test_a_checkpoint_of_another_architecture_names_what_differs(hospitals, capsys):
    torch.save(make_unet(channels=4).state_dict(), "other.pth")
    said = failing(capsys, *SMALL, "init_from=other.pth")[1]
    assert (
        "down_sample_layers.0.layers.0.weight is (4, 1, 3, 3), the model has (2, 1, 3, 3)" in said
    )


def test_a_full_device_is_one_line_and_whole_rounds_stay(hospitals):
    def little_room():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    ended = subprocess.run(
        command(*SMALL, "model.channels=16"), stderr=subprocess.PIPE, text=True,
        preexec_fn=little_room, env={**os.environ, "COLUMNS": "200"},
    )  # fmt: skip
    assert ended.returncode == 1
    assert "File too large" in ended.stderr
    assert "Traceback" not in ended.stderr
    (folder,) = runs("small")
    assert not list(folder.glob("checkpoints/*.pt"))
    main(["train", f"resume={folder}"])
    assert (folder / "done").exists()


@pytest.mark.parametrize("many", [[], ["-m"]])
def test_a_place_that_takes_no_folder_is_one_line(hospitals, capsys, many):
    Path("outputs").write_text("a file")
    status, said = failing(capsys, *many, *SMALL)
    assert status == 1
    assert said.startswith("outputs/small")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "run/config.yaml, line 2: not readable ("),
        ("- x", "not the config of a run (no keys and values)"),
        ("name: small\nrounds: 3\n", "it isn't a whole config of a run; it lacks method,"),
        ("", "it isn't a whole config of a run; it lacks name,"),
    ],
)
def test_a_damaged_config_is_one_line_and_nothing_is_written(capsys, text, said):
    Path("run").mkdir()
    Path("run/config.yaml").write_text(text)
    status, printed = failing(capsys, "resume=run", "rounds=2")
    assert (status, printed.count("\n")) == (1, 1)
    assert said in printed
    assert [path.name for path in Path("run").iterdir()] == ["config.yaml"]
