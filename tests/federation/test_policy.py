"""The site is master in its house: what its policy forbids doesn't pass, the rest is booked."""

import pytest
import torch

from flmrcm.errors import ConfigErrors, SiteRefuses
from flmrcm.federation.ledger import Ledger, list_received, list_sent
from flmrcm.federation.policy import PolicyGate, SitePolicy
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.strategies.fedprox import FedProx
from flmrcm.types import Broadcast, Reply

MESSAGE = Broadcast(0, {"a": torch.ones(2**18)})  # 1 MiB
REPLY = Reply("north", 5, MESSAGE.weights, {"latents": {"z": torch.ones(4)}})


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        (SitePolicy(operations=["validate"]), "train isn't among its operations (validate)"),
        (SitePolicy(strategies=["FLMRCM"]), "FedAvg isn't among its strategies (FLMRCM)"),
        (SitePolicy(largest_message=0.5), "1.0 MiB are more than 0.5 (largest_message)"),
        (SitePolicy(most_calls={"train": 0}), "train was asked 0 times, 0 are allowed"),
    ],
)
def test_a_forbidden_call_is_refused_with_the_reason_and_booked(tmp_path, policy, said):
    border = PolicyGate("north", policy, Ledger(tmp_path / "ledger.csv"))
    with pytest.raises(SiteRefuses) as caught:
        border.admit("train", FedAvg(), MESSAGE)
    assert said in str(caught.value)
    assert border.ledger.read() == list(list_sent("train", "north", MESSAGE))


@pytest.mark.parametrize(
    ("policy", "said"),
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
def test_a_forbidden_reply_stays_at_home_and_out_of_the_book(tmp_path, policy, said):
    border = PolicyGate("north", policy, Ledger(tmp_path / "ledger.csv"))
    with pytest.raises(SiteRefuses) as caught:
        border.release("train", 0, REPLY)
    assert said in str(caught.value)
    assert border.ledger.read() == []


@pytest.mark.parametrize("policy", [None, SitePolicy(payloads=["weights", "latents", "metrics"])])
def test_what_is_allowed_passes_and_is_booked(tmp_path, policy):
    border = PolicyGate("north", policy, Ledger(tmp_path / "ledger.csv"))
    border.admit("train", FedProx(), MESSAGE)
    border.release("train", 0, REPLY)
    expected = [*list_sent("train", "north", MESSAGE), *list_received("train", 0, REPLY)]
    assert border.ledger.read() == expected


def test_a_restart_gives_no_new_count(tmp_path):
    policy, ledger = SitePolicy(most_calls={"train": 2}), Ledger(tmp_path / "ledger.csv")
    for _ in range(2):
        PolicyGate("north", policy, ledger).admit("train", FedAvg(), MESSAGE)
    again = PolicyGate("north", policy, ledger)
    again.admit("validate", FedAvg(), MESSAGE)
    with pytest.raises(SiteRefuses, match="train was asked 2 times, 2 are allowed"):
        again.admit("train", FedAvg(), MESSAGE)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"operations": ["trian"]}, "Did you mean 'train'?"),
        ({"most_calls": {"surveys": 3}}, "Did you mean 'survey'?"),
        ({"most_calls": {"survey": -1}}, "most_calls: whole numbers"),
        ({"most_calls": {"survey": True}}, "most_calls: whole numbers"),
        ({"payloads": ["weights", "images"]}, "images never leave a site"),
        ({"largest_message": 0.0}, "largest_message: above 0"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(values, said):
    with pytest.raises(ConfigErrors) as caught:
        SitePolicy(**values)
    assert said in caught.value.problems[0]
