"""A federation in Python: no config, no Hydra, as few lines as the page shows."""

import ast
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
import torch
from kits.factories import write_site
from kits.laws import equal, fl_mrcm

import flmrcm
from flmrcm import (
    Augmentation,
    EarlyStopping,
    FedAvg,
    FedAvgM,
    FedBN,
    FedDyn,
    Federation,
    FedNova,
    FedProx,
    FileMask,
    LocalTraining,
    Reconstructor,
    Scaffold,
    UNet,
    WeightAverage,
    open_site,
)
from flmrcm.errors import ConfigErrors, FlmrcmError, SiteFailed
from flmrcm.federation.checkpoint import read_checkpoint
from flmrcm.learning.losses import L1, SSIMLoss
from flmrcm.learning.ssdu import SSDU
from flmrcm.models.cascade import Cascade
from flmrcm.runs.folder import RunFolder
from flmrcm.types import Reconstruction


@pytest.fixture
def sites(tmp_path):
    names = ("north", "south")
    return [open_site(write_site(tmp_path / name), batch_size=2) for name in names]


def make_federation(sites, folder, **options):
    torch.manual_seed(0)
    local = LocalTraining(partial(torch.optim.Adam, lr=1e-3), epochs=1, batch_size=2)
    options = {"rounds": 2, "local": local} | options
    return Federation(sites, UNet(2, 2), FedAvg(), folder, **options)


def test_it_trains_validates_and_tests(sites, tmp_path):
    federation = make_federation(sites, tmp_path / "run")
    state = federation.run()
    scores = federation.test()
    assert set(scores["site"]) == {"north", "south"}
    assert set(scores["method"]) == {"zero-filled", "FedAvg"}
    assert set(scores["metric"]) == {"psnr", "ssim", "nmse"}
    assert (tmp_path / "run" / "journal.csv").exists()
    saved = pd.read_csv(tmp_path / "run" / "scores.csv")
    pd.testing.assert_frame_equal(saved.replace("", None), scores.replace("", None))
    assert state.weights.keys() == UNet(2, 2).state_dict().keys()


def test_a_begun_folder_is_resumed_bit_for_bit(sites, tmp_path):
    whole = make_federation(sites, tmp_path / "whole").run()
    make_federation(sites, tmp_path / "parts", rounds=1).run()
    resumed = make_federation(sites, tmp_path / "parts").run()
    assert all(torch.equal(whole.weights[k], resumed.weights[k]) for k in whole.weights)


def test_norms_stay_at_their_sites_where_the_strategy_says_so(sites, tmp_path):
    federation = Federation(sites, UNet(2, 2, norm="batch"), FedBN(), tmp_path / "run", rounds=1)
    assert federation.run().weights.keys() == UNet(2, 2).state_dict().keys()
    with pytest.raises(ConfigErrors, match="it would be FL-MR"):
        Federation(sites, UNet(2, 2), FedBN(), tmp_path / "plain")


def test_participants_are_those_named(sites, tmp_path):
    make_federation(sites, tmp_path / "run", participants=["south"]).run()
    journal = pd.read_csv(tmp_path / "run" / "journal.csv")
    assert set(journal.query("split == 'train'")["site"]) == {"south"}


@pytest.mark.parametrize(
    ("names", "options", "line"),
    [
        (("prepared", "prepared"), {}, "sites: 2 are called prepared; give each another"),
        (("north", "south"), {"participants": ["nord"]}, "participants: nord is none of the sites"),
        (("north", "south"), {"participants": []}, r"participants=\[\]: name at least one"),
    ],
)
def test_no_site_gets_lost_by_its_name(tmp_path, names, options, line):
    sites = [open_site(tmp_path / str(place), name) for place, name in enumerate(names)]
    with pytest.raises(ConfigErrors, match=line):
        make_federation(sites, tmp_path / "run", **options)


def test_two_processes_do_not_write_one_folder(sites, tmp_path):
    with RunFolder(tmp_path).lock(), pytest.raises(FlmrcmError, match="another process is writing"):
        make_federation(sites, tmp_path).run()


def test_the_page_of_the_library_is_short():
    lines = flmrcm.library.__doc__.strip().splitlines()
    assert len([line for line in lines[1:] if line.strip()]) <= 15


def test_every_public_name_is_there_and_documented():
    for name in flmrcm.__all__:
        assert getattr(flmrcm, name).__doc__, name


def test_public_names_are_those_that_are_typed_loaded_and_told_of_in_the_packages_help():
    tree = ast.parse(Path(flmrcm.__file__).read_text())
    (typed,) = (node for node in tree.body if isinstance(node, ast.If))
    names = {alias.name for node in typed.body for alias in node.names}
    assert names == set(flmrcm.__all__)
    assert names == {*flmrcm._MODULES, "library"}
    assert not [name for name in names if not re.search(rf"\b{name}\b", flmrcm.__doc__)]


def test_the_page_about_training_is_runnable_as_it_stands(tmp_path, monkeypatch):
    page = (Path(flmrcm.__file__).parents[1] / "docs" / "training.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    for name in ("brats", "ixi"):
        write_site(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    shorter = {"/data/": f"{tmp_path}/", "rounds=50,\n": "rounds=1,\n", "channels=16": "2, 2"}
    for long, short in shorter.items():
        assert long in code
        code = code.replace(long, short)
    space = {}
    exec(code, space)
    assert space["federation"].setup.local.accumulate == 4
    assert len(list(tmp_path.glob("outputs/mine/checkpoints/last_ema.pt"))) == 1


def test_importing_the_package_loads_none_of_what_is_heavy():
    code = "import sys, flmrcm; print(*sys.modules.keys() & {'torch', 'hydra', 'pandas'})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout.strip() == b""


def test_an_average_of_the_weights_is_kept_and_tested(sites, tmp_path):
    state = make_federation(sites, tmp_path / "run", average=WeightAverage(0.5)).run()
    plain = make_federation(sites, tmp_path / "plain")
    assert equal(plain.run().weights, state.weights)
    kept = read_checkpoint(tmp_path / "run" / "checkpoints" / "last_ema.pt").weights
    assert not equal(kept, state.weights)
    scores = make_federation(sites, tmp_path / "run", average=WeightAverage(0.5)).test("last_ema")
    assert not scores.equals(make_federation(sites, tmp_path / "run").test())
    with pytest.raises(ConfigErrors, match="no average is kept"):
        plain.test("last_ema")
    with pytest.raises(ConfigErrors, match="Did you mean 'last'"):
        plain.test("lsat")


def test_a_run_that_gets_no_better_ends_early(sites, tmp_path):
    still = LocalTraining(partial(torch.optim.SGD, lr=1e-30), epochs=1)
    options = {"rounds": 9, "local": still, "stopping": EarlyStopping(2)}
    make_federation(sites, tmp_path / "run", **options).run()
    journal = pd.read_csv(tmp_path / "run" / "journal.csv")
    assert journal["round"].nunique() == 3  # the first is the best, and two are no better


def test_training_slices_are_moved_where_it_is_asked_for(tmp_path):
    root = write_site(tmp_path / "north")
    runs = [
        make_federation(
            [open_site(root, batch_size=2, augmentation=moves)], tmp_path / name, rounds=1
        ).run()
        for name, moves in {"plain": None, "moved": Augmentation(1, 1)}.items()
    ]
    assert not equal(runs[0].weights, runs[1].weights)


def test_what_was_measured_undersampled_is_not_moved(tmp_path):
    root = write_site(tmp_path / "north")
    sites = [open_site(root, mask=FileMask(), augmentation=Augmentation())]
    with pytest.raises(ConfigErrors, match="only fully sampled k-space can be moved"):
        make_federation(sites, tmp_path / "run")


def test_a_failing_site_ends_the_run_with_its_name(sites, tmp_path):
    federation = make_federation(sites, tmp_path / "run")
    federation._initial = {k: v * float("nan") for k, v in federation._initial.items()}
    with pytest.raises(SiteFailed, match="site north, round 0"):
        federation.run()


def test_a_loss_gets_what_it_reads_of_the_data(sites, tmp_path):
    state = make_federation(sites, tmp_path / "run", loss=SSIMLoss(), rounds=1).run()
    assert all(tensor.isfinite().all() for tensor in state.weights.values())


def test_a_site_without_targets_has_a_loss_of_its_own(sites, tmp_path):
    federation = Federation(
        sites, Cascade(1, 2, 2), FedAvg(), tmp_path / "run", rounds=1, loss={"north": SSDU()}
    )
    losses = {name: client.loss for name, client in federation._engine.clients.items()}
    assert (type(losses["north"]), type(losses["south"])) == (SSDU, L1)
    federation.run()


@pytest.mark.parametrize(
    ("site", "line"),
    [("nroth", "loss: nroth is none of the sites"), ("north", "sites.north.loss: SSDU compares")],
)
def test_a_loss_of_a_site_that_can_t_be_is_refused(sites, tmp_path, site, line):
    with pytest.raises(ConfigErrors, match=line):
        Federation(sites, Halving(), FedAvg(), tmp_path / "run", loss={site: SSDU()})


class Halving(Reconstructor):
    """A model of somebody's own, without a latent: it learns to scale its input."""

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(0.5))

    def forward(self, batch):
        return Reconstruction(self.scale * batch.image)


@pytest.mark.parametrize("strategy", [FedAvg(), FedProx(), Scaffold(), FedAvgM(), FedDyn()])
def test_a_model_without_a_latent_works_with_every_strategy_that_asks_for_none(
    sites, tmp_path, strategy
):
    federation = Federation(sites, Halving(), strategy, tmp_path / "run", rounds=1)
    assert federation.run().weights["scale"] != 0.5
    assert len(federation.test())


def test_a_strategy_that_an_optimizer_does_not_suit_refuses_it_in_words(sites, tmp_path):
    with pytest.raises(ConfigErrors, match="exact for SGD without momentum, and"):
        Federation(sites, Halving(), FedNova(name="FedNova"), tmp_path / "run")
    plain = LocalTraining(partial(torch.optim.SGD, lr=0.1))
    Federation(sites, Halving(), FedNova(name="FedNova"), tmp_path / "run", local=plain)


def test_a_strategy_that_needs_a_latent_refuses_it_in_words(sites, tmp_path):
    strategy = fl_mrcm(alignment="latents")
    with pytest.raises(ConfigErrors, match="aligns latents, and Halving has none"):
        Federation(sites, Halving(), strategy, tmp_path / "run")
