"""One round's calls, with an engine without sites."""

import logging
from collections.abc import Iterator

import pytest
import torch
from kits.laws import server_chain

from flmrcm.errors import SiteFailed
from flmrcm.federation.calls import RoundCalls, add_byte_rows
from flmrcm.federation.participation import Tolerance
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.strategies.scaffold import CONTROL, CONTROL_CHANGE, Scaffold
from flmrcm.types import Broadcast, Reply

SENT = Broadcast(0, {"w": torch.zeros(2)}, {CONTROL: {"w": torch.zeros(2)}})
MESSAGES = dict.fromkeys(("east", "north"), SENT)


class Canned:
    """Answers every call with the same replies."""

    def __init__(self, *replies):
        self.replies = replies

    def call(self, op, messages, timeout=None):
        yield from self.replies

    def snapshot(self):
        return {}


def good(site, **extras):
    return Reply(site, 1, {"w": torch.ones(2)}, extras)


def calls(*replies, strategy=None, quorum=1, **suspensions):
    tolerance = Tolerance(quorum=quorum, suspend_after=1)
    strategy = strategy or FedAvg()
    chain = server_chain(strategy)
    return RoundCalls(Canned(*replies), strategy, tolerance, chain, suspensions, 0)


def sites_of(round_calls):
    return [reply.site for reply in round_calls.train(MESSAGES, drawn=2)]


def test_a_sites_traffic_is_summed_over_its_calls():
    rows = []
    for sent in (SENT, Broadcast(0, SENT.weights)):
        add_byte_rows(rows, sent, good("east"))
    counted = {row.metric: row.value for row in rows}
    assert counted == {
        "bytes_sent/weights": 16,
        "bytes_sent/control": 8,
        "bytes_received/weights": 16,
    }


def test_an_unexpected_reply_and_a_second_one_are_left_out(caplog):
    unexpected = calls(good("east"), good("east"), good("south"), good("north"))
    with caplog.at_level(logging.WARNING):
        assert sites_of(unexpected) == ["east", "north"]
    assert "an unexpected reply of south" in caplog.text


def test_a_mean_gets_one_reply_at_a_time_and_a_robust_rule_all():
    mean = calls(good("east"), good("north"))
    assert isinstance(mean.train(MESSAGES, 2), Iterator)
    median = calls(good("east"), good("north"), strategy=FedAvg(aggregation="median"))
    assert isinstance(median.train(MESSAGES, 2), list)


def test_a_suspended_site_is_noted_and_not_present():
    here = calls(east=(0, 3), north=(1, 0))
    assert here.list_present(["east", "north"]) == ["north"]
    assert [(row.site, row.metric) for row in here.rows] == [("east", "suspended")]


def test_with_too_few_present_sites_no_site_is_called():
    with pytest.raises(SiteFailed, match="good replies of 3 sites, 2 can be had"):
        list(calls(quorum=3).train(MESSAGES, drawn=3))


@pytest.mark.parametrize(
    "extras",
    [{}, {CONTROL_CHANGE: {"w": torch.zeros(3)}}, {CONTROL_CHANGE: {"v": torch.zeros(2)}}],
    ids=["missing", "misshapen", "unknown"],
)
def test_scaffold_refuses_a_reply_without_its_control_change(extras):
    whole = {CONTROL_CHANGE: {"w": torch.zeros(2)}}
    replies = good("east", **extras), good("north", **whole)
    assert sites_of(calls(*replies, strategy=Scaffold())) == ["north"]
