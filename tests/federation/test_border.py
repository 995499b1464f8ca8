"""The site is master in its house: what its policy forbids doesn't pass, the rest is booked."""

import pytest
import torch

from flmrcm.errors import ConfigErrors, SiteRefuses
from flmrcm.federation.border import Border, HousePolicy
from flmrcm.federation.ledger import Ledger, received, sent
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.strategies.fedprox import FedProx
from flmrcm.types import Broadcast, Reply

MESSAGE = Broadcast(0, {"a": torch.ones(2**18)})  # 1 MiB
REPLY = Reply("north", 5, MESSAGE.weights, {"latents": {"z": torch.ones(4)}})


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        (HousePolicy(operations=["evaluate"]), "train isn't among its operations (evaluate)"),
        (HousePolicy(strategies=["FLMRCM"]), "FedAvg isn't among its strategies (FLMRCM)"),
        (HousePolicy(largest_message=0.5), "1.0 MiB are more than 0.5 (largest_message)"),
        (HousePolicy(most_calls={"train": 0}), "train was asked 0 times, 0 are allowed"),
    ],
)
def test_a_forbidden_call_is_refused_with_the_reason_and_booked(tmp_path, policy, said):
    border = Border("north", policy, Ledger(tmp_path / "ledger.csv"))
    with pytest.raises(SiteRefuses) as caught:
        border.admit("train", FedAvg(), MESSAGE)
    assert said in str(caught.value)
    assert border.ledger.read() == list(sent("train", "north", MESSAGE))


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        (HousePolicy(), "latents isn't among its payloads (weights, metrics)"),
        (HousePolicy(payloads=["latents", "metrics"]), "weights isn't among its payloads"),
        (HousePolicy(payloads=["weights", "latents"]), "metrics isn't among its payloads"),
        (
            HousePolicy(payloads=["weights", "latents", "metrics"], largest_message=1.0),
            "1.0 MiB are more than 1 (largest_message)",
        ),
    ],
)
def test_a_forbidden_reply_stays_at_home_and_out_of_the_book(tmp_path, policy, said):
    border = Border("north", policy, Ledger(tmp_path / "ledger.csv"))
    with pytest.raises(SiteRefuses) as caught:
        border.release("train", 0, REPLY)
    assert said in str(caught.value)
    assert border.ledger.read() == []


@pytest.mark.parametrize("policy", [None, HousePolicy(payloads=["weights", "latents", "metrics"])])
def test_what_is_allowed_passes_and_is_booked(tmp_path, policy):
    border = Border("north", policy, Ledger(tmp_path / "ledger.csv"))
    border.admit("train", FedProx(), MESSAGE)
    border.release("train", 0, REPLY)
    expected = [*sent("train", "north", MESSAGE), *received("train", 0, REPLY)]
    assert border.ledger.read() == expected


def test_a_restart_gives_no_new_count(tmp_path):
    policy, ledger = HousePolicy(most_calls={"train": 2}), Ledger(tmp_path / "ledger.csv")
    for _ in range(2):
        Border("north", policy, ledger).admit("train", FedAvg(), MESSAGE)
    again = Border("north", policy, ledger)
    again.admit("evaluate", FedAvg(), MESSAGE)
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
        HousePolicy(**values)
    assert said in caught.value.problems[0]
