"""The local loop is Lightning's: a federation of one site equals Trainer.fit, bit for bit."""

from itertools import islice

import pytest
from kits.laws import equal
from pytorch_lightning import Trainer

from flmrcm.data.order import BatchOrder
from flmrcm.learning.compute import silence_lightning
from flmrcm.seeding import seeded
from flmrcm.strategies.fedavg import FedAvg


def fit(here, precision="32-true", **more):
    """Return the weights after four epochs at one site, by Lightning alone."""
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
            **more,
        )
        trainer.fit(module, datamodule=site)
    return module.model.state_dict()


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_one_site_equals_trainer_fit(setting, precision):
    here = setting(participants=("east",), rounds=2, local={"epochs": 2}, precision=precision)
    assert equal(here.run(FedAvg()).weights, fit(here, precision))


def test_accumulated_batches_are_lightnings(setting, monkeypatch):
    here = setting(participants=("east",), rounds=4, local={"epochs": 1, "accumulate": 2})
    whole = BatchOrder.__iter__
    # Lightning weighs a small last batch as a whole one, and leaves none for the next epoch
    monkeypatch.setattr(BatchOrder, "__iter__", lambda order: islice(whole(order), 2))
    assert equal(here.run(FedAvg()).weights, fit(here, accumulate_grad_batches=2))


def test_bf16_is_not_float32(run):
    whole, mixed = (run(FedAvg(), rounds=1, precision=p) for p in ("32-true", "bf16-mixed"))
    assert not equal(whole.weights, mixed.weights)
