"""The local loop is Lightning's: a federation of one site equals Trainer.fit, bit for bit."""

import pytest
from kits.laws import equal
from pytorch_lightning import Trainer

from flmrcm.learning.compute import silence_lightning
from flmrcm.seeding import seeded
from flmrcm.strategies.fedavg import FedAvg


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_one_site_equals_trainer_fit(setting, precision):
    here = setting(participants=("east",), rounds=2, local={"epochs": 2}, precision=precision)
    federated = here.run(FedAvg()).weights

    module, site = here.module(), here.sites["east"]
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
