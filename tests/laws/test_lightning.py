"""The local loop is Lightning's: a federation of one site equals Trainer.fit, bit for bit."""

from functools import partial

import pytest
import torch
from kits.factories import make_site, write_site
from kits.laws import SEED, equal
from pytorch_lightning import Trainer

from flmrcm.learning.compute import silence_lightning
from flmrcm.learning.module import ReconModule
from flmrcm.learning.ssdu import SSDU
from flmrcm.models.cascade import Cascade
from flmrcm.seeding import seeded
from flmrcm.strategies.fedavg import FedAvg


def make_self_supervised(rate):
    with seeded("cascade"):
        return ReconModule(Cascade(2, 2, 4), partial(torch.optim.RMSprop, lr=rate), SSDU())


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("loss", ["l1", "ssdu"])
def test_one_site_equals_trainer_fit(setting, tmp_path, precision, loss):
    here = setting(participants=("east",), rounds=2, local={"epochs": 2}, precision=precision)
    make = here.module if loss == "l1" else partial(make_self_supervised, here.learning_rate)
    if loss == "ssdu":
        root = write_site(tmp_path / "east", {"train": (4, 3), "val": (2,), "test": (2,)})
        here.sites = {"east": make_site(root, seed=SEED, needs_kspace=True)}
    initial = {name: tensor.clone() for name, tensor in make().model.state_dict().items()}
    federated = here.federation(FedAvg(), make()).run(initial).weights

    module, site = make(), here.sites["east"]
    with seeded("any seed at all"), silence_lightning():
        trainer = Trainer(
            max_epochs=4,
            accelerator="cpu",
            precision=precision,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            limit_val_batches=0,
            log_every_n_steps=1,
        )
        trainer.fit(module, datamodule=site)
    assert equal(federated, module.model.state_dict())


def test_bf16_is_not_float32(run):
    whole, mixed = (run(FedAvg(), rounds=1, precision=p) for p in ("32-true", "bf16-mixed"))
    assert not equal(whole.weights, mixed.weights)
