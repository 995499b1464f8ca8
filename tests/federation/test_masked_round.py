"""A round of which the mean alone is read: right whoever drops out, or there is none."""

from dataclasses import replace
from itertools import combinations, product

import pytest
import torch
from kits.masked_sites import (
    KEYS,
    NAMES,
    SHARES,
    STEPS,
    TRAIN,
    UNMASK,
    Altered,
    MaskedSites,
    close,
    flip,
)

from flmrcm.errors import SiteFailed
from flmrcm.middleware.secure_aggregation import SecureAggregation
from flmrcm.privacy.mask_messages import MASK_SHARES
from flmrcm.strategies.fedavg import FedAvg

RULE = SecureAggregation()


@pytest.mark.parametrize("weighting", ["uniform", "examples"])
@pytest.mark.parametrize("gone", list(combinations(NAMES, 2)), ids="-".join)
def test_the_sum_is_right_whoever_drops_out_down_to_the_threshold(gone, weighting):
    assert RULE.count_threshold(5) == 3
    for steps in product(STEPS, STEPS):
        sites = MaskedSites(
            strategy=FedAvg(weighting=weighting), gone=dict(zip(gone, steps, strict=True))
        )
        replies = sites.run()
        lost = {s for s, step in sites.gone.items() if step != UNMASK}
        assert {s for s, reply in replies.items() if reply.error} == lost
        counted = set(NAMES) - lost
        assert all(close(replies[s].weights, sites.average(counted)) for s in counted)


@pytest.mark.parametrize("steps", list(product(STEPS, repeat=3)), ids="-".join)
def test_below_the_threshold_there_is_no_sum(steps):
    gone = dict(zip(("east", "north", "west"), steps, strict=True))
    with pytest.raises(SiteFailed, match="secure aggregation"):
        MaskedSites(gone=gone).run()


@pytest.mark.parametrize("bits", [32, 48])
def test_a_count_is_the_plain_one_to_the_unit(bits):
    for weighting in ("uniform", "examples"):
        rule = SecureAggregation(bits=bits)
        sites = MaskedSites(rule=rule, strategy=FedAvg(weighting=weighting))
        for weights in sites.weights.values():
            weights["batches"] += 123_000
        mean = sites.run()["east"].weights
        assert int(mean["batches"]) == int(sites.average(NAMES)["batches"])
        assert mean["batches"].dtype == torch.int64


@pytest.mark.parametrize("owner", ["home", "west"])  # a site in the sum, and one that dropped out
def test_a_wrong_share_gives_no_sum(owner):
    sites = Altered(gone={"west": TRAIN}, at=UNMASK, site="east", alter=lambda r: flip(r, owner))
    with pytest.raises(SiteFailed, match=r"larger than its parts|key don't fit"):
        sites.run()


def test_a_wrong_masked_update_is_noticed_where_its_masks_are_not_those_agreed_on():
    def alter(reply):
        return replace(reply, weights={k: t ^ 1 for k, t in reply.weights.items()} | {
            "conv": torch.randint(0, 256, reply.weights["conv"].shape, dtype=torch.uint8)
        })  # fmt: skip

    with pytest.raises(SiteFailed, match="the sum of conv is larger than its parts can make it"):
        Altered(at=TRAIN, alter=alter).run()


@pytest.mark.parametrize(
    ("at", "alter"),
    [
        (KEYS, lambda reply: replace(reply, extras={})),
        (KEYS, lambda reply: replace(reply, extras={"mask_keys": {"own": torch.zeros(64).byte()}})),
        (SHARES, lambda reply: replace(reply, extras={MASK_SHARES: {}})),
        (TRAIN, lambda reply: replace(reply, weights={})),
        (TRAIN, lambda reply: replace(reply, weights={k: v[:1] for k, v in reply.weights.items()})),
        (TRAIN, lambda reply: replace(reply, n_examples=0)),
        (UNMASK, lambda reply: replace(reply, extras={MASK_SHARES: {"east": torch.zeros(1)}})),
    ],
)  # fmt: skip
def test_a_reply_of_another_form_is_that_sites_failure(at, alter):
    sites = Altered(at=at, alter=alter)
    replies = sites.run()
    counted = [s for s, reply in replies.items() if not reply.error]
    assert counted == [s for s in NAMES if s != "south" or at == UNMASK]
    assert close(replies["east"].weights, sites.average(counted))
