"""Secure aggregation is refused at start-up where a run needs more than a mean of enough sites."""

import pytest
from kits.laws import fl_mrcm

from flmrcm.errors import ConfigErrors
from flmrcm.middleware.compression.quantised import Quantised
from flmrcm.middleware.dp_site import DPSite
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
from flmrcm.strategies.finetune import FineTune
from flmrcm.strategies.moon import Moon
from flmrcm.strategies.scaffold import Scaffold
from flmrcm.strategies.server_optimizer import FedAdam, FedAvgM

RULE = SecureAggregation()
SECURE = {"members": {"secure_aggregation": RULE}}


class Greedy(FedAvg):
    def aggregate(self, state, replies):
        return super().aggregate(state, list(replies)[:1])


def test_what_needs_more_than_a_mean_is_refused_by_name(setting):
    module = setting().module()

    def find(strategy, **members):
        return RULE.find_problems(strategy, module, {"privacy": DPSite(), **members})

    weighted, others = (
        FedAvg(weighting="examples"),
        (Ditto(), Moon(), FedDyn(), FineTune(), FedMRI()),
    )
    for suited in (
        FedAvg(),
        weighted,
        FedProx(),
        FedPer(),
        FedAdam(),
        FedAvgM(),
        *others,
        fl_mrcm(),
    ):
        assert find(suited, wire=Wire(), reply_validation=ReplyValidation()) == []
    for other in (Scaffold(), FedNova(any_optimizer=True), FedMRI(negatives="all"), Greedy()):
        assert "reads single updates" in find(other)[0]
    for rule in ("median", "trimmed_mean", "krum"):
        assert f"strategy.aggregation={rule} compares" in find(FedAvg(aggregation=rule))[0]
    assert "latents travel alone" in find(fl_mrcm(alignment="latents"))[0]
    assert "use uniform or examples" in find(FedAvg(weighting="fair"))[0]
    for kind in ("bf16", "fp16"):
        assert f"middleware.wire.kind={kind} rounds" in find(FedAvg(), wire=Wire(kind))[0]
    assert "norm_factor compares" in find(FedAvg(), reply_validation=ReplyValidation(3.0))[0]
    (line,) = Quantised().find_problems(FedAvg(), module, {"secure_aggregation": RULE})
    assert "use compression=none" in line


@pytest.mark.parametrize(
    ("rule", "drawn", "needed", "line"),
    [
        (RULE, 2, 2, "of fewer than 3 sites a sum tells single updates; 2 train"),
        (RULE, 8, 4, "robust.quorum=4: secure_aggregation=bonawitz of 8 sites needs 5 at least."),
        (SecureAggregation(4), 8, 8, "secure_aggregation.threshold=4: above half of the 8 sites"),
        (SecureAggregation(9), 8, 8, "secure_aggregation.threshold=9: above half of the 8 sites"),
        (SecureAggregation(bits=32), 4, 4, "secure_aggregation.bits=32: too few for 4 sites"),
    ],
)
def test_sites_that_are_too_few_are_refused(rule, drawn, needed, line):
    (problem,) = rule.find_count_problems(drawn, needed)
    assert line in problem


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ({"threshold": 2}, "secure_aggregation.threshold: at least 3, or null; got 2."),
        ({"bits": 20}, "secure_aggregation.bits: 32, 40, 48, 56 or 64; got 20."),
        ({"largest": 0.0}, "secure_aggregation.largest: a finite number above 0; got 0.0."),
    ],
)
def test_values_out_of_range_are_one_line(keys, line):
    with pytest.raises(ConfigErrors) as caught:
        SecureAggregation(**keys)
    assert line in str(caught.value)
