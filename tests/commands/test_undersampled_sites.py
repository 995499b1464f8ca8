"""A site that has nothing but undersampled scans trains alone, and beside sites with targets."""

from dataclasses import replace
from pathlib import Path

import h5py
import pandas as pd
import pytest
import yaml
from kits.engines import needs
from kits.laws import equal

from flmrcm import __version__
from flmrcm.app import main
from flmrcm.config.build import to_plain
from flmrcm.config.check import check_config
from flmrcm.config.clients import build_clients
from flmrcm.config.compose import compose_config
from flmrcm.config.travelling import hash_travelling_config, select_travelling_config
from flmrcm.data.h5 import read_slice
from flmrcm.federation.checkpoint import read_checkpoint
from flmrcm.federation.workload import Workload
from flmrcm.mri.masks import Random
from flmrcm.remote.connection import CallHeader
from flmrcm.remote.site_server import SiteServer
from flmrcm.remote.site_settings import read_site_settings
from flmrcm.types import Broadcast, Memory

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


def train(words: list[str], name: str = "mine") -> Path:
    main(["train", *words])
    return max(Path("outputs", name).iterdir())


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


def test_a_site_elsewhere_that_says_so_itself_trains_bit_for_bit_alike(
    words: list[str], tmp_path: Path
) -> None:
    here = check_config(compose_config("train", [*words, "strategy=fl_mr"]))
    cfg = to_plain(compose_config("train", [*words, "strategy=fl_mr", "sites.north.loss=null"]))
    config = select_travelling_config({**cfg, "participants": ["north"], "target": None})
    loss = {"_target_": "flmrcm.learning.ssdu.SSDU", "share": 0.4, "center": 4}
    own = {"site": "north", "data": {"root": "north", "loss": loss}, "threads": 1}
    path = tmp_path / "site.yaml"
    path.write_text(yaml.safe_dump(own | {"compute": {"accelerator": "cpu"}}))
    server = SiteServer(read_site_settings(path))
    digest = hash_travelling_config(config)
    join = CallHeader("join", __version__, digest, "e" * 16, splits=("train",))
    facts = server.handle(join, Broadcast(0, {}), config).facts
    assert facts is not None
    assert (facts.needs_target, facts.incomplete) == (False, ("train",))
    sent = {k: tensor.clone() for k, tensor in here.module.model.state_dict().items()}
    reply = server.handle(replace(join, op="train"), Broadcast(0, sent), config).reply
    client = build_clients(here, tmp_path / "here", lambda _: None)["north"]
    expected = client.call("train", Broadcast(0, sent), Memory(), Workload(1))
    assert reply.error is None
    assert equal(dict(reply.weights), dict(expected.weights))
    assert not equal(dict(reply.weights), sent)


@needs("ray", "ray")
def test_ray_trains_it_bit_for_bit_alike(words: list[str]) -> None:
    more = ["strategy=fl_mr", "rounds=1", "participants=[north,sim_b]"]
    runs = [train([*words, *more, f"name={e}", f"engine={e}"], e) for e in ("in_process", "ray")]
    one, other = (read_checkpoint(run / "checkpoints" / "last.pt") for run in runs)
    assert equal(dict(one.state.weights), dict(other.state.weights))
