"""A run folder as version 0.1.0 left it goes on, is evaluated and compared.

It was made with that version by `flmrcm train debug=tiny logger=csv rounds=2 model.channels=2
model.pools=2 strategy.discriminator.width=4 data.simulated.folder=simulated robust.quorum=1
robust.bench_after=2 robust.norm_factor=100 test.saved_volumes=0 name=old seed=3`; the first round's
checkpoint, the sites' ledgers and the log were left out. Its people were of data format 2;
`run_0_1_0_again.csv` is what the checkpoint scores on those of format 3, by code that scored the
former as 0.1.0 did.
"""

import shutil
from pathlib import Path

import pandas as pd
import pytest
import torch
from omegaconf import OmegaConf

from flmrcm.app import main
from flmrcm.config.run_config import read_config
from flmrcm.federation.checkpoint import read_checkpoint
from flmrcm.federation.journal import Journal

OLD = Path(__file__).parents[1] / "data_files" / "run_0_1_0"
AGAIN = OLD.with_name("run_0_1_0_again.csv")


@pytest.fixture
def old(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(OLD, tmp_path / "outputs/old/run")
    checkpoints = tmp_path / "outputs/old/run/checkpoints"
    for name in ("last.pt", "best.pt"):
        shutil.copy(checkpoints / "round_0001.pt", checkpoints / name)
    return tmp_path / "outputs/old/run"


def test_it_goes_on_at_its_last_round(old):
    before = Journal(old / "journal.csv").read()
    main(["train", f"resume={old}", "rounds=3"])
    rows = Journal(old / "journal.csv").read()
    assert {row.round for row in rows if row.split == "val"} == {0, 1, 2}
    assert [row for row in rows if row.round < 1] == [row for row in before if row.round < 1]
    config = OmegaConf.create(read_config(old))
    assert (config.robust.suspend_after, "bench_after" in config.robust) == (2, False)
    assert config.middleware.reply_validation.norm_factor == 100
    assert config.mask["_target_"] == "flmrcm.mri.masks.Random"


def test_its_checkpoint_scores_as_it_did(old):
    main(["evaluate", f"checkpoint={old}/checkpoints/last.pt", "output=again"])
    keys = ["method", "site", "volume", "metric", "convention"]
    found, expected = (
        pd.read_csv(path).set_index(keys).sort_index() for path in ("again/scores.csv", AGAIN)
    )
    assert set(found.pop("weights")) == {"global", "none"}  # told since
    pd.testing.assert_frame_equal(found, expected, rtol=1e-3, atol=1e-4)


def test_it_is_compared_with_a_run_of_today(old):
    words = ["debug=tiny", "model.channels=2", "model.pools=2", "data.simulated.folder=simulated"]
    main(["train", *words, "strategy=fl_mr", "logger=csv", "name=old", "rounds=2", "seed=3"])
    main(["compare", "outputs/old", "--no-figures"])
    matrix = pd.read_csv("outputs/old/compare/matrix.csv")
    assert {"FL-MR", "FL-MRCM"} <= set(matrix["method"])


def test_its_suspended_sites_are_still_known(old):
    path = old / "checkpoints" / "last.pt"
    content = torch.load(path, weights_only=True)
    torch.save({**content, "bench": {"sim_b": (1, 0)}}, path)
    assert read_checkpoint(path).suspensions == {"sim_b": (1, 0)}
