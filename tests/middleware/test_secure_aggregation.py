"""Secure aggregation: what the server learns is the mean of plain aggregation, and no more."""

from dataclasses import replace

import pytest
import torch
from kits.faulty_engine import away, empty, run_with, silent, with_faults
from kits.laws import SEED, equal, fl_mrcm, site_chain

from flmrcm.engines.in_process import InProcess
from flmrcm.errors import ConfigErrors, SiteFailed, SiteRefuses
from flmrcm.federation.middleware import Middleware, SiteSide, Stage
from flmrcm.federation.participation import Tolerance
from flmrcm.middleware.dp_site import DPSite
from flmrcm.middleware.dp_volume import DPVolume
from flmrcm.middleware.reply_validation import ReplyValidation
from flmrcm.middleware.secure_aggregation import SecureAggregation
from flmrcm.middleware.wire import Wire
from flmrcm.strategies.ditto import Ditto
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.strategies.feddyn import FedDyn
from flmrcm.strategies.fedmri import FedMRI
from flmrcm.strategies.fednova import FedNova
from flmrcm.strategies.fedper import FedPer
from flmrcm.strategies.fedprox import FedProx
from flmrcm.strategies.moon import Moon
from flmrcm.strategies.scaffold import Scaffold
from flmrcm.strategies.server_optimizer import FedAdam
from flmrcm.types import Broadcast, Memory, Reply

RULE = SecureAggregation()
SECURE = {"members": {"secure_aggregation": RULE}}


def close(one, other):
    """Return whether weights agree to the fixed-point step, or to a step of float32."""
    assert one.keys() == other.keys()
    return all(torch.allclose(one[k].double(), other[k].double(), rtol=2e-7, atol=1e-10) for k in one)


@pytest.mark.parametrize("strategy", [FedAvg(), FedAvg(weighting="examples"), FedProx(), FedPer()], ids=str)
def test_the_mean_is_that_of_plain_aggregation(run, strategy):
    plain, secure = run(strategy, rounds=1), run(strategy, rounds=1, **SECURE)
    assert close(plain.weights, secure.weights)
