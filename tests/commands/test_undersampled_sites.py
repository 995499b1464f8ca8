"""A site that has nothing but undersampled scans trains alone, and beside sites with targets."""

from pathlib import Path

import h5py
import pandas as pd
import pytest

from flmrcm.app import main
from flmrcm.config.check import check_config
from flmrcm.config.compose import compose_config
from flmrcm.data.h5 import read_slice
from flmrcm.federation.checkpoint import read_checkpoint
from flmrcm.mri.masks import Random

HERE = ["debug=tiny", "model=cascade", "target=sim_h", "name=mine", "logger=csv"]
OWN = ["+site@sites.north=ixi", "sites.north.mask=file", "sites.north.loss=ssdu"]


@pytest.fixture
def words(tmp_path: Path, simulated_cache: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two simulated sites, and the north: the second's training scans, undersampled for good."""
    monkeypatch.chdir(tmp_path)
    made = "size: 48, slices: 4, coils: 2, subjects: {train: 2, val: 1, test: 1}"
    data = f"data.simulated={{{made}, folder: '{simulated_cache}'}}"
    source = check_config(compose_config("train", [*HERE, data])).sites["sim_h"]
    source.ensure()
    folder = tmp_path / "north" / "T1" / "train"
    folder.mkdir(parents=True)
    for number, volume in enumerate(source.sources[0].list_volumes("train")):
        mask = Random((3,), (0.15,))(volume.shape[2:], number).mask[0].numpy()
        with h5py.File(folder / f"{number}.h5", "w") as file:
            slices = [read_slice(volume, index)[0] * mask for index in range(volume.shape[0])]
            file["kspace"], file["mask"] = slices, mask
    return [*HERE, data, *OWN, f"sites.north.root={tmp_path / 'north'}"]


def train(words: list[str]) -> Path:
    main(["train", *words])
    return max(Path("outputs/mine").iterdir())


def read_losses(run: Path) -> pd.Series:
    journal = pd.read_csv(run / "journal.csv")
    return journal[journal.metric == "loss"].set_index("site").value


@pytest.mark.parametrize("strategy", ["fl_mr", "fl_mrcm", "fl_mrcm_latent", "fedprox", "scaffold"])
def test_it_trains_beside_a_site_with_targets(words: list[str], strategy: str) -> None:
    more = [f"strategy={strategy}", "rounds=1", "participants=[north,sim_b]"]
    run = train([*words, *more])
    losses = read_losses(run)
    assert set(losses.index) == {"north", "sim_b"}
    assert 0.2 < losses["north"] < 1.2
    state = read_checkpoint(run / "checkpoints" / "last.pt")
    assert all(tensor.isfinite().all() for tensor in state.state.weights.values())


def test_alone_it_makes_another_site_s_images_better_than_they_come(words: list[str]) -> None:
    rates = ["rounds=5", "local.epochs=8", "local.optimizer={_target_: torch.optim.Adam, lr: 3e-3}"]
    more = ["strategy=fl_mr", "participants=[north]", "mask.accelerations=[3]"]
    run = train([*words, *more, *rates])
    losses = read_losses(run)["north"]
    assert losses.iloc[-1] < 0.9 * losses.iloc[0]
    scores = pd.read_csv(run / "scores.csv").query("metric == 'nmse' and site == 'sim_h'")
    means = scores[scores.convention == "fastmri"].groupby("method")["value"].mean()
    assert means["FL-MR"] < 0.92 * means["zero-filled"]


def test_without_a_loss_of_its_own_it_is_refused(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        train([*words, "strategy=fl_mr", "sites.north.loss=null"])
    assert "train it without targets: sites.north.loss=ssdu" in " ".join(
        capsys.readouterr().err.split()
    )
