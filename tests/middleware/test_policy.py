"""What a site's policy forbids is refused; what it allows is recorded."""

import pytest
import torch
from kits.laws import site_chain

from flmrcm.errors import ConfigErrors, SiteRefuses
from flmrcm.middleware.ledger import LEDGER, Ledger, list_received, list_sent
from flmrcm.middleware.policy import SitePolicy
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.strategies.fedprox import FedProx
from flmrcm.types import Broadcast, Memory, Reply

MESSAGE = Broadcast(0, {"a": torch.ones(2**18)})  # 1 MiB
REPLY = Reply("north", 5, MESSAGE.weights, {"latents": {"z": torch.ones(4)}})


def chain(folder, policy, strategy=None):
    return site_chain("north", strategy or FedAvg(), folder, policy)


def call(halves, op="train", message=MESSAGE):
    for half in halves:
        message = half.before(op, message, Memory())


def reply_to(halves, reply=REPLY):
    for half in reversed(halves):
        reply = half.after("train", 0, reply, Memory())


def read_ledger(folder):
    return Ledger(folder / LEDGER).read()


@pytest.mark.parametrize(
    ("policy", "line"),
    [
        (SitePolicy(operations=["validate"]), "train isn't among its operations (validate)"),
        (SitePolicy(strategies=["FLMRCM"]), "FedAvg isn't among its strategies (FLMRCM)"),
        (SitePolicy(largest_message=0.5), "1.0 MiB are more than 0.5 (largest_message)"),
        (SitePolicy(most_calls={"train": 0}), "train was called 0 times, 0 are allowed"),
    ],
)
def test_a_forbidden_call_is_refused_with_the_reason_and_recorded(tmp_path, policy, line):
    with pytest.raises(SiteRefuses) as caught:
        call(chain(tmp_path, policy))
    assert line in str(caught.value)
    assert read_ledger(tmp_path) == list(list_sent("train", "north", MESSAGE))


@pytest.mark.parametrize(
    ("policy", "line"),
    [
        (SitePolicy(), "latents isn't among its payloads (weights, metrics)"),
        (SitePolicy(payloads=["latents", "metrics"]), "weights isn't among its payloads"),
        (SitePolicy(payloads=["weights", "latents"]), "metrics isn't among its payloads"),
        (
            SitePolicy(payloads=["weights", "latents", "metrics"], largest_message=1.0),
            "1.0 MiB are more than 1 (largest_message)",
        ),
    ],
)
def test_a_forbidden_reply_stays_at_the_site_and_out_of_the_ledger(tmp_path, policy, line):
    with pytest.raises(SiteRefuses) as caught:
        reply_to(chain(tmp_path, policy))
    assert line in str(caught.value)
    assert read_ledger(tmp_path) == []


@pytest.mark.parametrize("policy", [None, SitePolicy(payloads=["weights", "latents", "metrics"])])
def test_allowed_calls_and_replies_are_recorded(tmp_path, policy):
    halves = chain(tmp_path, policy, FedProx())
    call(halves)
    reply_to(halves)
    expected = [*list_sent("train", "north", MESSAGE), *list_received("train", 0, REPLY)]
    assert read_ledger(tmp_path) == expected


@pytest.mark.parametrize("folder", [True, False], ids=["ledger", "no ledger"])
def test_calls_are_counted(tmp_path, folder):
    halves = chain(tmp_path if folder else None, SitePolicy(most_calls={"train": 2}))
    for _ in range(2):
        call(halves)
    with pytest.raises(SiteRefuses, match="train was called 2 times, 2 are allowed"):
        call(halves)


def test_a_restart_gives_no_new_count(tmp_path):
    policy = SitePolicy(most_calls={"train": 2})
    for _ in range(2):
        call(chain(tmp_path, policy))
    again = chain(tmp_path, policy)
    call(again, "validate")
    with pytest.raises(SiteRefuses, match="train was called 2 times, 2 are allowed"):
        call(again)


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"operations": ["trian"]}, "Did you mean 'train'?"),
        ({"operations": ["evaluate"]}, "evaluate is no operation; it is called validate now."),
        ({"operations": ["judge"]}, "judge is no operation; it is called test now."),
        ({"most_calls": {"surveys": 3}}, "Did you mean 'survey'?"),
        ({"most_calls": {"survey": -1}}, "most_calls: whole numbers"),
        ({"most_calls": {"survey": True}}, "most_calls: whole numbers"),
        ({"payloads": ["weights", "images"]}, "images never leave a site"),
        ({"largest_message": 0.0}, "largest_message: above 0"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(values, line):
    with pytest.raises(ConfigErrors) as caught:
        SitePolicy(**values)
    assert line in caught.value.problems[0]
