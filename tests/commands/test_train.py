"""`flmrcm train` as a user types it: whole runs, many runs, crashes, going on."""

import signal
import subprocess
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from kits.cli import SMALL, command, failing, runs
from kits.factories import make_unet, write_site
from kits.laws import equal
from kits.wandb_offline import read_offline_run
from pytorch_lightning import LightningModule, Trainer
from torch import nn

from flmrcm.app import main
from flmrcm.config.run_config import read_config
from flmrcm.federation.checkpoint import read_checkpoint
from flmrcm.federation.journal import Journal
from flmrcm.runs.folder import RunFolder
from flmrcm.tracking.scalars import MOST_SCALARS


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
    offline = read_offline_run(folder / "wandb")
    assert "FL-MRCM" in offline.tags
    assert (offline.name, offline.group) == ("FL-MRCM · sim_h · 4x · seed 1", "debug")
    assert "val/psnr_worst" in offline.history[0]
    assert len(offline.history[0]) - 1 <= MOST_SCALARS
    assert "test/psnr/sim_b" in offline.history[-1]
    assert offline.history[-1]["panels/sim_b"]["caption"] == "sim_b/sim_b_test_000, slice 2 of 2"


def test_the_published_layout_trains_as_it_is(hospitals):
    write_site(hospitals / "HPKS", attributes=False)
    main(["train", *SMALL, "participants=BH"])
    assert runs("small")[0].joinpath("done").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["fl_mr"], ["fl_mr", "strategy.weighting=fair"], ["fl_mrcm_latent"], ["fedprox"],
        ["scaffold"], ["fedavgm"], ["fedadam"], ["fedyogi"], ["fedadagrad"], ["feddyn"], ["moon"],
        ["ditto"], ["finetune"], ["fedmri"], ["fedmri", "strategy.negatives=all"],
        ["fedbn", "model.norm=instance_affine"],
        ["fednova", "local.optimizer._target_=torch.optim.SGD"],
    ],
    ids="+".join,
)  # fmt: skip
def test_every_strategy_runs_from_the_command_line(hospitals, words):
    main(["train", *SMALL, f"strategy={words[0]}", *words[1:]])
    assert runs("small")[0].joinpath("done").exists()


def test_multi_coil_data_train(tmp_path):
    write_site(tmp_path / "data" / "fastMRI", coils=4)
    main(["train", *SMALL, "participants=F", "target=F", "strategy=fl_mr", "coils=multi",
          "mask.accelerations=[1]", "mask.center_fractions=[1]"])  # fmt: skip
    (path,) = runs("small")[0].glob("reconstructions/fastmri/*.h5")
    with h5py.File(path) as file:  # one coil alone isn't the root sum of squares of four
        np.testing.assert_allclose(file["input"][()], file["target"][()], atol=1e-5)


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


@pytest.mark.parametrize("name", ["last", "best"])
def test_the_checkpoint_that_was_asked_for_is_tested(hospitals, name):
    words = ["rounds=2", "local.optimizer.lr=1", f"test.checkpoint={name}"]
    main(["train", *SMALL, "strategy=fl_mr", *words])
    (folder,) = runs("small")
    last, best = (read_checkpoint(folder / f"checkpoints/{n}.pt").round for n in ("last", "best"))
    assert (last, best) == (1, 0)
    tested = {row.round for row in Journal(folder / "journal.csv").read() if row.split == "test"}
    assert tested == {{"last": last, "best": best}[name]}


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


@pytest.mark.parametrize("words", [["sites=simulated"], ["~sites.ixi"], ["+site@sites.o=ixi"]])
def test_resuming_with_other_sites_names_the_way_in_one_line(hospitals, capsys, words):
    main(["train", *SMALL])
    (folder,) = runs("small")
    capsys.readouterr()
    status, said = failing(capsys, f"resume={folder}", *words)
    (line,) = said.strip().splitlines()
    assert status == 2
    assert line.startswith("config: sites: a run goes on with the sites it was begun with")
    assert f"init_from={folder.resolve()}/checkpoints/last.pt instead of resume=" in line


def save_by_lightning(path, net):
    """Saves a checkpoint as Lightning does, with metrics beside the network, as fastMRI's has."""

    class Module(LightningModule):
        def __init__(self):
            super().__init__()
            self.unet, self.loss, self.NMSE = net, nn.Module(), nn.Module()
            self.loss.register_buffer("w", torch.ones(1, 1, 7, 7))
            self.NMSE.register_buffer("total", torch.zeros(1))

    trainer = Trainer(logger=False, accelerator="cpu", enable_progress_bar=False)
    trainer.strategy.connect(Module())
    trainer.save_checkpoint(path)


def test_a_lightning_checkpoint_with_more_than_a_network_is_used(hospitals, capsys):
    save_by_lightning("epoch=49-step=100.ckpt", make_unet(2, 2, seed=5))
    main(["train", *SMALL, "init_from=epoch=49-step=100.ckpt", "local.optimizer.lr=1e-30"])
    weights = read_checkpoint(runs("small")[0] / "checkpoints" / "last.pt").weights
    assert equal(dict(weights), make_unet(2, 2, seed=5).state_dict())
    said = "epoch=49-step=100.ckpt: left out what isn't the network's: loss.w, NMSE.total"
    assert " ".join(capsys.readouterr().err.split()).count(said) == 1
    sizes = ["model.channels=2", "model.pools=2", "test_sites=[brats]"]
    tested = ["checkpoint=epoch=49-step=100.ckpt", "sites=bfhi", "data_dir=data", *sizes]
    main(["evaluate", *tested])
    assert " ".join(capsys.readouterr().err.split()).count("left out what isn't") == 1


def test_a_resumed_run_goes_on_from_its_own_config(hospitals):
    main(["train", *SMALL])
    (folder,) = runs("small")
    main(["train", f"resume={folder}", "rounds=2"])
    rounds = {row.round for row in Journal(folder / "journal.csv").read() if row.split == "val"}
    assert rounds == {0, 1}
    assert read_config(folder)["rounds"] == 2


def test_a_run_with_a_damaged_journal_is_not_resumed_and_one_line_says_where(hospitals, capsys):
    main(["train", *SMALL])
    (folder,) = runs("small")
    with (folder / "journal.csv").open("a") as file:
        file.write("garbage\n")
    count = len((folder / "journal.csv").read_text().splitlines())
    before = (folder / "journal.csv").read_bytes()
    status, said = failing(capsys, f"resume={folder}", "rounds=2")
    assert status == 1
    (line,) = [line for line in said.splitlines() if "garbage" in line or "fields" in line]
    assert line.endswith(f"{folder}/journal.csv, line {count}: 1 fields, not 6. Correct that line.")
    assert "Traceback" not in said
    assert (folder / "journal.csv").read_bytes() == before
    assert RunFolder(folder).done
    assert read_config(Path(folder))["rounds"] == 1


def test_a_run_whose_journal_lost_lines_goes_on_only_if_that_is_accepted(hospitals, capsys):
    main(["train", *SMALL])
    (folder,) = runs("small")
    journal = folder / "journal.csv"
    journal.write_text("".join(journal.read_text().splitlines(keepends=True)[:3]))
    status, said = failing(capsys, f"resume={folder}", "rounds=2")
    (line,) = [line for line in said.splitlines() if "are left" in line]
    assert (status, "accept_lost_journal=true" in line) == (1, True)
    assert RunFolder(folder).done
    main(["train", f"resume={folder}", "rounds=2", "accept_lost_journal=true"])
    assert {row.round for row in Journal(journal).read()} == {0, 1}
    assert not read_config(Path(folder))["accept_lost_journal"]


def test_a_run_may_lie_in_a_folder_called_anything(hospitals):
    main(["train", *SMALL, "hydra.run.dir=my run (1) = [x]"])
    main(["train", "resume=my run (1) = [x]", "rounds=2"])
    assert Path("my run (1) = [x]", "done").exists()


def test_two_runs_cannot_write_into_one_folder(hospitals, capsys):
    main(["train", *SMALL])
    (folder,) = runs("small")
    with RunFolder(folder).lock():
        assert "another run is writing here" in failing(capsys, f"resume={folder}", "rounds=2")[1]
    same = f"hydra.run.dir={folder}"
    assert "give this one another name" in failing(capsys, *SMALL, same)[1]
    (folder / "done").unlink()
    assert "go on with resume=" in failing(capsys, *SMALL, same)[1]


def test_killed_and_resumed_ends_where_the_uninterrupted_run_ends(hospitals):
    words = [*SMALL, "rounds=6", "strategy=fl_mrcm"]
    main(["train", *words, "name=straight"])
    process = subprocess.Popen(command(*words), stderr=subprocess.DEVNULL)
    while not any(list(folder.glob("checkpoints/round_0001.pt")) for folder in runs("small")):
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
