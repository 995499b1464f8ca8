"""Sites that train without targets, alone and beside others that have them."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from kits.factories import make_site, write_site
from kits.laws import SEED, Setting, equal, fl_mrcm
from pytorch_lightning import Trainer

from flmrcm.config.check import check_config
from flmrcm.config.compose import compose_config
from flmrcm.data.order import BatchOrder
from flmrcm.data.site import Site
from flmrcm.federation.journal import Journal
from flmrcm.learning.compute import silence_lightning
from flmrcm.learning.losses import Loss
from flmrcm.learning.module import ReconModule
from flmrcm.learning.scoring import Evaluator
from flmrcm.learning.ssdu import SSDU
from flmrcm.models.cascade import Cascade
from flmrcm.seeding import seeded
from flmrcm.strategies.base import Strategy
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.strategies.fedprox import FedProx
from flmrcm.strategies.scaffold import Scaffold
from flmrcm.types import ServerState

BOTH, CPU = ("north", "south"), torch.device("cpu")
Train = Callable[..., ServerState]


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Site]:
    """Two hospitals with two coils."""
    root = tmp_path_factory.mktemp("coils")
    for name in BOTH:
        write_site(root / name, {"train": (3,), "val": (1,), "test": (1,)}, coils=2)
    return {name: make_site(root / name, seed=SEED, needs_kspace=True) for name in BOTH}


def make_learner(loss: Loss | None = None) -> ReconModule:
    with seeded("ssdu"):
        return ReconModule(Cascade(2, 2, 4), partial(torch.optim.RMSprop, lr=1e-3), loss)


@pytest.fixture
def train(rooms: dict[str, Site], tmp_path: Path) -> Train:
    """Trains a cascade in a folder of its own, or goes on there."""
    count = iter(range(100))

    def trained(strategy: Strategy, *losses: str, **changes: Any) -> ServerState:
        changes = {"participants": BOTH, "folder": tmp_path / f"run_{next(count)}"} | changes
        here = Setting(rooms, losses=dict.fromkeys(losses, SSDU()), **changes)
        initial = make_learner().model.state_dict()
        return here.federation(strategy, make_learner()).run(initial)

    return trained


@pytest.fixture
def poisoned(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Turns every training target of some sites into NaN."""
    prepare = Site.prepare_batch

    def poison(*sites: str) -> None:
        def prepared(self: Site, raw: Any, device: torch.device) -> Any:
            batch = prepare(self, raw, device)
            if raw.epoch is None or self.name not in sites:
                return batch
            return batch._replace(target=torch.full_like(batch.target, torch.nan))

        monkeypatch.setattr(Site, "prepare_batch", prepared)

    return poison


def read_losses(folder: Path) -> dict[tuple[int, str], float]:
    rows = Journal(folder / "journal.csv").read()
    return {(row.round, row.site): row.value for row in rows if row.metric == "loss" and row.site}


STRATEGIES: dict[str, Callable[[], Strategy]] = {
    "fl_mr": FedAvg,
    "fl_mrcm": fl_mrcm,
    "fl_mrcm_latent": partial(fl_mrcm, alignment="latents"),
    "fedprox": FedProx,
    "scaffold": Scaffold,
}


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("sites", [("north",), ("south",), BOTH], ids=str)
def test_no_target_of_a_site_that_trains_without_is_read(
    train: Train, poisoned: Callable[..., None], strategy: str, sites: tuple[str, ...]
) -> None:
    clean = train(STRATEGIES[strategy](), *sites).weights
    poisoned(*sites)
    assert equal(dict(train(STRATEGIES[strategy](), *sites).weights), dict(clean))
    assert all(tensor.isfinite().all() for tensor in clean.values())


def test_a_site_with_targets_does_read_them(train: Train, poisoned: Callable[..., None]) -> None:
    poisoned("south")
    with pytest.raises(Exception, match="the loss isn't finite"):
        train(FedAvg(), "north")


def test_a_loss_of_one_site_is_not_the_other_s(train: Train, tmp_path: Path) -> None:
    for folder, losses in (("none", ()), ("one", ("north",)), ("both", BOTH)):
        train(FedAvg(), *losses, folder=tmp_path / folder, rounds=1)
    none, one, both = (read_losses(tmp_path / name) for name in ("none", "one", "both"))
    assert one[0, "south"] == none[0, "south"] != both[0, "south"]
    assert one[0, "north"] == both[0, "north"] != none[0, "north"]


def test_a_run_that_is_resumed_hides_the_same_samples(train: Train, tmp_path: Path) -> None:
    strategy = fl_mrcm(alignment="latents")
    straight = train(strategy, *BOTH, rounds=3)
    train(strategy, *BOTH, rounds=1, folder=tmp_path / "halves")
    resumed = train(strategy, *BOTH, rounds=3, folder=tmp_path / "halves")
    assert equal(dict(resumed.weights), dict(straight.weights))


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_one_site_equals_trainer_fit(rooms: dict[str, Site], train: Train, precision: str) -> None:
    federated = train(FedAvg(), "north", participants=["north"], rounds=2, precision=precision)
    with seeded("any seed at all"), silence_lightning():
        trainer = Trainer(
            max_epochs=2,
            accelerator="cpu",
            precision=precision,  # pyright: ignore[reportArgumentType]
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            limit_val_batches=0,
            log_every_n_steps=1,
        )
        module = make_learner(SSDU())
        trainer.fit(module, datamodule=rooms["north"])
    assert equal(dict(federated.weights), module.model.state_dict())


def test_every_pass_hides_other_samples(rooms: dict[str, Site]) -> None:
    def hidden(epoch: int) -> Iterator[tuple[int, torch.Tensor]]:
        loader = rooms["north"].train_dataloader()
        cast(BatchOrder, loader.sampler).set_epoch(epoch)
        for raw in loader:
            batch = rooms["north"].prepare_batch(raw, CPU)
            whole = batch._replace(mask=torch.ones_like(batch.mask))
            yield from zip(batch.slice.tolist(), SSDU().divide(whole)[1].mask, strict=True)

    first, again, second = (dict(hidden(epoch)) for epoch in (0, 0, 1))
    assert all(torch.equal(first[i], again[i]) for i in first)
    assert not any(torch.equal(first[i], second[i]) for i in first)


@pytest.mark.parametrize("coils", [1, 2])
def test_the_true_error_falls_without_a_target(simulated_cache: Path, coils: int) -> None:
    words = ["debug=tiny", "model=cascade", "strategy=fl_mr", "loss=ssdu", "mask.accelerations=[3]"]
    made = f"size: 48, slices: 4, coils: {coils}, subjects: {{train: 2, val: 1, test: 1}}"
    words.append(f"data.simulated={{{made}, folder: '{simulated_cache}'}}")
    setup = check_config(compose_config("train", words))
    site, module = setup.sites["sim_h"], setup.module
    site.ensure()
    optimizer = torch.optim.Adam(module.parameters(), lr=3e-3)
    for epoch in range(40):
        loader = site.train_dataloader()
        cast(BatchOrder, loader.sampler).set_epoch(epoch)
        for raw in loader:
            optimizer.zero_grad()
            module.training_step(site.prepare_batch(raw, CPU))["loss"].backward()
            optimizer.step()
    scores, before = Evaluator(setup.compute).test(module, site)
    found, zero_filled = (
        next(s.value for s in rows if (s.metric, s.convention) == ("nmse", "fastmri"))
        for rows in (scores, before)
    )
    assert found < 0.94 * zero_filled
