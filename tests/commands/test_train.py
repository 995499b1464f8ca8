"""`flmrcm train` as a user types it: whole runs, bad input, crashes, going on."""

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from factories import make_unet, scanned, write_plain, write_site
from laws_kit import equal

from flmrcm.app import main
from flmrcm.federation.checkpoint import read_checkpoint
from flmrcm.federation.journal import Journal
from flmrcm.runs.folder import RunFolder
from flmrcm.tracking.wandb_offline import read_offline

SMALL = ["sites=bfhi", "data_dir=data", "compute=cpu", "rounds=1", "logger=csv", "target=brats"]
SMALL += [
    "engine.threads=1",
    "model.channels=2",
    "model.pools=2",
    "local.batch_size=2",
    "name=small",
]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch, simulated_cache):
    """Runs in an empty folder, with simulated data made once for all tests."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FLMRCM_CACHE", str(simulated_cache))


@pytest.fixture
def hospitals(tmp_path):
    """Writes the four institutions' folders."""
    for name in ("BraTS", "fastMRI", "HPKS", "IXI"):
        write_site(tmp_path / "data" / name)
    return tmp_path / "data"


def runs(name):
    return sorted(path.parent for path in Path("outputs", name).glob("*/config.yaml"))


def failing(capsys, *words):
    """Gives the status and the lines a failing command prints."""
    with pytest.raises(SystemExit) as stopped:
        main(["train", *words])
    return stopped.value.code, capsys.readouterr().err


def command(*words):
    return [sys.executable, "-m", "flmrcm", "train", *words]


def test_a_run_leaves_everything_a_reader_needs():
    main(["train", "debug=tiny"])
    (folder,) = runs("debug")
    names = {path.name for path in folder.iterdir()}
    kept = {"config.yaml", "environment.json", "journal.csv", "scores.csv", "run.log", "done"}
    assert kept | {"checkpoints", "reconstructions", "panels", "tensorboard", "wandb"} <= names
    rows = Journal(folder / "journal.csv").read()
    assert {row.split for row in rows} == {"train", "val", "test", "wire"}
    assert {row.convention for row in rows if row.metric == "psnr"} == {
        "fastmri", "published", "slice_volume_max", "slice_max",
    }  # fmt: skip
    offline = read_offline(folder / "wandb")
    assert "FL-MRCM" in offline.tags
    assert "test/psnr/sim_b" in offline.history[-1]


def test_the_published_layout_trains_as_it_is(hospitals):
    write_site(hospitals / "HPKS", attributes=False)
    main(["train", *SMALL, "participants=BH"])
    assert runs("small")[0].joinpath("done").exists()


@pytest.mark.parametrize("strategy", ["fl_mr", "fl_mrcm_latent", "fedprox", "scaffold"])
def test_every_strategy_runs_from_the_command_line(hospitals, strategy):
    main(["train", *SMALL, f"strategy={strategy}"])
    assert runs("small")[0].joinpath("done").exists()


def test_multi_coil_data_train(tmp_path):
    write_site(tmp_path / "data" / "fastMRI", coils=4)
    main(["train", *SMALL, "participants=F", "target=F", "strategy=fl_mr", "coils=multi",
          "test.saved_volumes=0"])  # fmt: skip


def test_simulated_multi_coil_data_train():
    words = ["data.simulated.coils=4", "logger=csv", "name=coils", "contrast=T2"]
    main(["train", "debug=tiny", *words])
    assert runs("coils")[0].joinpath("done").exists()


def test_one_data_set_dealt_to_clients_trains(hospitals):
    words = [word for word in SMALL if not word.startswith(("sites", "target"))]
    main(["train", "sites=iid", "split.of=brats", "split.count=2", *words])
    rows = Journal(runs("small")[0] / "journal.csv").read()
    assert {row.site for row in rows if row.split == "train"} == {"brats_0", "brats_1"}


def test_weights_to_start_from_are_used(hospitals):
    torch.save({"state_dict": make_unet(seed=5).state_dict()}, "some.pth")
    main(["train", *SMALL, "init_from=some.pth", "local.optimizer.lr=1e-30"])
    weights = read_checkpoint(runs("small")[0] / "checkpoints" / "last.pt").weights
    assert equal(dict(weights), make_unet(seed=5).state_dict())


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
    assert "isn't there" in failing(capsys, *SMALL)[1]


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["model.pools=4"], 1, "model.pools=4 is too deep for 16×16 images"),
        (["mask.accelerations=[32]", "mask.center_fractions=[0]"], 1, "needs at least that many"),
        (["local.optimizer.lr=1e38"], 1, "round 0: step 2: the loss isn't finite"),
        (["init_from=nowhere.pth"], 2, "there is no such checkpoint"),
        (["strategy=fl_mm"], 2, "Did you mean 'fl_mrcm'?"),
        (["resume=nowhere"], 1, "holds no run"),
    ],
)  # fmt: skip
def test_what_cannot_work_ends_with_one_line(hospitals, capsys, words, status, said):
    code, printed = failing(capsys, *SMALL, *words)
    assert (code, "Traceback" in printed) == (status, False)
    assert said in " ".join(printed.split())


def test_a_checkpoint_of_another_architecture_names_what_differs(hospitals, capsys):
    torch.save(make_unet(channels=4).state_dict(), "other.pth")
    said = failing(capsys, *SMALL, "init_from=other.pth")[1]
    assert (
        "down_sample_layers.0.layers.0.weight is (4, 1, 3, 3), the model has (2, 1, 3, 3)" in said
    )


def test_a_multirun_checks_all_jobs_before_the_first(capsys):
    status, said = failing(capsys, "-m", "debug=tiny", "mask.center_fractions=[0.08],[0.9]")
    assert status == 2
    assert "must lie in" in said
    assert not runs("debug")


def test_a_multirun_is_a_folder_per_job_and_does_only_what_is_missing():
    words = ["train", "-m", "debug=tiny", "logger=csv", "strategy=fl_mr,fl_mrcm", "name=pair"]
    main(words)
    folders = runs("pair")
    assert len(folders) == 2
    (folders[0] / "done").unlink()
    times = {folder: (folder / "scores.csv").stat().st_mtime_ns for folder in folders}
    main(words)
    renewed = [f for f in folders if (f / "scores.csv").stat().st_mtime_ns != times[f]]
    assert renewed == [folders[0]]


def test_resuming_with_another_config_shows_the_keys(hospitals, capsys):
    main(["train", *SMALL])
    (folder,) = runs("small")
    status, said = failing(capsys, f"resume={folder}", "seed=7", "mask=equispaced")
    assert status == 2
    assert "seed: the run was begun with 1, now 7 is asked" in said
    assert "mask._target_" in said


def test_a_resumed_run_goes_on_from_its_own_config(hospitals):
    main(["train", *SMALL])
    (folder,) = runs("small")
    main(["train", f"resume={folder}", "rounds=2"])
    rounds = {row.round for row in Journal(folder / "journal.csv").read() if row.split == "val"}
    assert rounds == {0, 1}
    assert RunFolder(folder).read_config().rounds == 2


def test_two_runs_cannot_write_into_one_folder(hospitals, capsys):
    main(["train", *SMALL])
    (folder,) = runs("small")
    with RunFolder(folder).held():
        assert "another run is writing here" in failing(capsys, f"resume={folder}", "rounds=2")[1]
    same = f"hydra.run.dir={folder}"
    assert "give this one another name" in failing(capsys, *SMALL, same)[1]
    (folder / "done").unlink()
    assert "go on with resume=" in failing(capsys, *SMALL, same)[1]


def test_killed_and_resumed_ends_where_the_uninterrupted_run_ends(hospitals):
    words = [*SMALL, "rounds=6", "strategy=fl_mrcm"]
    main(["train", *words, "name=straight"])
    process = subprocess.Popen(command(*words), stderr=subprocess.DEVNULL)
    while not any(folder.glob("checkpoints/round_0001.pt") for folder in runs("small")):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    (killed,), (straight,) = runs("small"), runs("straight")
    assert not (killed / "done").exists()
    main(["train", f"resume={killed}"])
    one, other = (read_checkpoint(f / "checkpoints" / "last.pt") for f in (killed, straight))
    assert equal(dict(one.weights), dict(other.weights))
    scores = [(f / "scores.csv").read_text() for f in (killed, straight)]
    assert scores[0] == scores[1]


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
