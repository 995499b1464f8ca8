"""Runs over files with masks of their own, scored where there are targets, and reconstructed."""

import json
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
from kits.factories import write_site
from kits.raw_files import plain_kspace, write_kspace

from flmrcm import FedAvg, Federation, UNet, open_site
from flmrcm.app import main
from flmrcm.learning.losses import Loss
from flmrcm.mri.masks import FileMask
from flmrcm.types import Batch, Reconstruction

MODEL = ["model.channels=2", "model.pools=2", "engine.threads=1", "compute=cpu"]
HERE = ["sites=bfhi", "data_dir=data", "participants=BF", "target=null", "logger=csv"]
SHORT = ["rounds=1", "local.batch_size=2", "name=mine", "strategy=fl_mr"]
OWN = ["+mask@sites.fastmri.mask=file", "+mask@sites.ixi.mask=file"]
LINES = np.zeros(16, bool)
LINES[6:11] = LINES[::3] = True


def write_own(path: str, target: bool, number: int = 0) -> Path:
    kspace = plain_kspace((16, 16), 3 + number) * LINES
    return write_kspace(Path("data") / path, kspace, target=target, mask=LINES)


@pytest.fixture(autouse=True)
def hospitals(tmp_path, monkeypatch):
    """One ordinary site, two with masks of their own: one has no validation, one no target."""
    monkeypatch.chdir(tmp_path)
    for name in ("BraTS", "HPKS"):
        write_site(tmp_path / "data" / name)
    write_own("fastMRI/T1/train/a.h5", target=True)
    write_own("fastMRI/T1/test/a.h5", target=False)
    write_own("fastMRI/T1/test/b.h5", target=True, number=1)
    write_own("IXI/T1/test/a.h5", target=False)


def train(*words: str) -> Path:
    main(["train", *HERE, *MODEL, *SHORT, *OWN, *words])
    return max(Path("outputs/mine").iterdir())


def scores(folder: Path | str) -> pd.DataFrame:
    return pd.read_csv(Path(folder) / "scores.csv")


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as stopped:
        train(*words)
    assert stopped.value.code
    assert not list(Path("outputs").rglob("checkpoints/*.pt")), "nothing was trained"
    return capsys.readouterr().err


def test_a_site_without_validation_trains_and_one_without_targets_is_named(capsys):
    run = train()
    said, logged = (" ".join(text.split()) for text in capsys.readouterr())
    assert "fastmri: no validation volume with a target; the best round is chosen" in logged
    assert "ixi: reconstructed, not scored: no volume holds a target" in said
    assert "fastmri: volumes without a target are reconstructed, not scored" in said
    assert set(scores(run).site) == {"brats", "fastmri", "hpks"}
    journal = pd.read_csv(run / "journal.csv")
    assert set(journal[journal.split == "val"].site) == {"brats"}
    assert set(journal[journal.metric == "loss"].site) == {"brats", "fastmri"}
    assert (run / "checkpoints" / "best.pt").exists()
    rates = journal[journal.metric == "acceleration"].set_index("site").value
    assert rates["fastmri"] == pytest.approx(16 / LINES.sum())


def test_validation_volumes_without_targets_are_left_out():
    write_own("fastMRI/T1/val/a.h5", target=False)
    run = train()
    journal = pd.read_csv(run / "journal.csv")
    assert set(journal[journal.split == "val"].site) == {"brats"}
    assert (run / "checkpoints" / "best.pt").exists()


def test_scores_stay_with_their_volumes_names(capsys):
    run = train()
    own = scores(run)
    assert set(own[own.site == "fastmri"].volume) == {"fastmri/b"}
    assert set(own[own.site == "fastmri"].slices) == {4}


def test_what_is_not_scored_is_saved_where_that_is_asked_for():
    run = train("test.saved_volumes=2")
    for site, volumes in {"ixi": {"a": False}, "fastmri": {"a": False, "b": True}}.items():
        for volume, has_target in volumes.items():
            with h5py.File(run / "reconstructions" / site / f"{volume}.h5") as file:
                assert ("target" in file) == has_target
                assert np.isfinite(file["reconstruction"][()]).all()
    assert {path.stem for path in (run / "panels").iterdir()} >= {"fastmri", "brats"}


def test_evaluate_scores_what_it_can_and_reconstructs_the_rest(capsys):
    run = train()
    words = ["test_sites=[brats,fastmri,ixi]", "save=[reconstruction,target,error]", "output=again"]
    main(["evaluate", f"checkpoint={run}/checkpoints/last.pt", *words])
    said = " ".join(capsys.readouterr().out.split())
    assert "ixi: reconstructed, not scored: no volume holds a target" in said
    again, before = scores("again"), scores(run)
    pd.testing.assert_frame_equal(again, before[before.site != "hpks"].reset_index(drop=True))
    with h5py.File("again/reconstructions/ixi/a.h5") as file:
        assert list(file) == ["reconstruction"]
    with h5py.File("again/reconstructions/fastmri/b.h5") as file:
        assert sorted(file) == ["error", "reconstruction", "target"]
    noted = json.loads(Path("again/environment.json").read_text())["not_scored"]
    assert set(noted) == {"fastmri", "ixi"}


def test_evaluating_nothing_but_scans_without_targets_is_no_error(capsys):
    run = train()
    main(["evaluate", f"checkpoint={run}/checkpoints/last.pt", "test_sites=I", "output=again"])
    assert "ixi: reconstructed, not scored" in " ".join(capsys.readouterr().out.split())
    assert scores("again").empty


def test_tables_of_compared_runs_name_them_too(capsys):
    main(["compare", str(train())])
    said = " ".join(capsys.readouterr().out.split())
    assert "ixi: reconstructed, not scored: no volume holds a target" in said


def test_one_mask_for_all_sites():
    for name in ("BraTS", "HPKS"):
        for path in (Path("data") / name).rglob("*.h5"):
            write_own(str(path.relative_to("data")), target=True)
    run = train("mask=file", "test.checkpoint=best")
    main(["compare", str(run)])
    assert "own masks" in (run / "compare" / "report.html").read_text()
    main(["train", f"resume={run}", "rounds=2"])
    assert set(pd.read_csv(run / "journal.csv")["round"]) == {0, 1}
    main(["evaluate", f"checkpoint={run}/checkpoints/last.pt", "output=again"])
    pd.testing.assert_frame_equal(scores("again"), scores(run))


def test_a_checkpoint_of_drawn_masks_is_tested_on_the_files_own():
    run = train()
    words = ["mask=file", "test_sites=[brats,fastmri]", "output=again"]
    main(["evaluate", f"checkpoint={run}/checkpoints/last.pt", *words])
    again, own = (scores(folder).set_index(["method", "site"]).value for folder in ("again", run))
    assert again["FL-MR", "fastmri"].tolist() == own["FL-MR", "fastmri"].tolist()
    assert again["FL-MR", "brats"].tolist() != own["FL-MR", "brats"].tolist()


def test_accelerations_of_files_own_masks_cannot_be_typed(capsys):
    assert "mask.accelerations" in refused(capsys, "mask=file", "mask.accelerations=[8]")


def test_a_loss_that_needs_targets_is_refused_where_there_are_none(capsys):
    write_own("fastMRI/T1/train/b.h5", target=False)
    line = "site fastmri: some of its training volumes hold no target, which its loss reads"
    assert line in " ".join(refused(capsys).split())


def test_a_best_round_that_nobody_can_choose_is_refused(capsys):
    line = "test.checkpoint=best: no participant has a validation volume with a target"
    said = refused(capsys, "participants=F", "test.checkpoint=best")
    assert line in " ".join(said.split())
    train("participants=F")


def test_a_mask_that_does_not_fit_is_found_before_any_training(capsys):
    with h5py.File("data/fastMRI/T1/test/b.h5", "a") as file:
        del file["mask"]
        file["mask"] = np.ones(7)
    assert "test/b.h5: its 'mask' is (7,)" in " ".join(refused(capsys).split())


def test_a_model_that_estimates_coil_maps_needs_a_centre(capsys):
    lines = LINES.copy()
    lines[8] = False
    kspace = np.stack([plain_kspace((16, 16), 3)] * 2, 1) * lines
    write_kspace(Path("data/fastMRI/T1/train/a.h5"), kspace, mask=lines)
    words = ["model=varnet", "model.cascades=1", "model.channels=2", "model.pools=2"]
    words += ["model.sens_channels=2", "model.sens_pools=2"]
    said = " ".join(refused(capsys, *words).split())
    assert "its own mask leaves no fully sampled centre" in said


class Blind(Loss):
    """A loss that never looks at a target."""

    needs_target = False

    def __call__(self, found: Reconstruction, goal: Batch) -> torch.Tensor:
        return (found.image.float() - goal.image).square().mean()


def test_a_loss_that_needs_no_target_trains_on_scans_without_any(tmp_path):
    write_own("fastMRI/T1/train/a.h5", target=False)
    sites = [open_site("data/fastMRI", mask=FileMask()), open_site("data/BraTS")]
    federation = Federation(sites, UNet(2, 2), FedAvg(), tmp_path, rounds=1, loss=Blind())
    state = federation.run()
    assert all(torch.isfinite(tensor).all() for tensor in state.weights.values())
    assert set(federation.test().site) == {"fastMRI", "BraTS"}
