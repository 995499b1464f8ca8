"""What a site's policy forbids is refused; what it allows is recorded."""

from contextlib import suppress
from dataclasses import replace

import pytest
import torch
from kits.laws import site_chain

from flmrcm.csv_rows import append_row
from flmrcm.errors import ConfigErrors, SiteRefuses
from flmrcm.federation.workload import CallWork
from flmrcm.middleware.admission import Admission
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


def test_calls_are_counted(tmp_path):
    halves = chain(tmp_path, SitePolicy(most_calls={"train": 2}))
    for _ in range(2):
        call(halves)
    with pytest.raises(SiteRefuses, match="train was called 2 times, 2 are allowed"):
        call(halves)


def test_neither_a_restart_nor_another_run_gives_a_new_count(tmp_path):
    policy, book = SitePolicy(most_calls={"train": 2}), tmp_path / "calls.csv"
    for _ in range(2):
        Admission(policy, book).ask("train", "FedAvg", 0)
    again = Admission(policy, book)
    again.ask("validate", "FedAvg", 0)
    with pytest.raises(SiteRefuses, match="train was called 2 times, 2 are allowed"):
        again.ask("train", "FedAvg", 0)


def test_two_processes_that_ask_at_once_are_not_both_the_last(tmp_path, monkeypatch):
    policy, book, allowed = SitePolicy(most_calls={"train": 1}), tmp_path / "calls.csv", []

    def ask(name):
        with suppress(SiteRefuses):
            Admission(policy, book).ask("train", "FedAvg", 0)
            allowed.append(name)

    def write_after_another(*line):
        monkeypatch.undo()
        ask("another")
        append_row(*line)

    monkeypatch.setattr("flmrcm.middleware.admission.append_row", write_after_another)
    ask("first")
    assert len(allowed) == 1


def test_a_call_that_was_refused_counts(tmp_path):
    policy = SitePolicy(most_calls={"train": 2}, strategies=["FedAvg"])
    admission = Admission(policy, tmp_path / "calls.csv")
    for _ in range(2):
        with pytest.raises(SiteRefuses, match="FedProx isn't among"):
            admission.ask("train", "FedProx", 0)
    with pytest.raises(SiteRefuses, match="train was called 2 times"):
        admission.ask("train", "FedAvg", 0)


@pytest.mark.parametrize(
    ("op", "work", "line"),
    [
        ("train", CallWork(3, 9, 1e-4), "3 slices are fewer than 16 (fewest_slices)"),
        ("train", CallWork(99, 1, 1e-4), "1 steps are fewer than 4 (fewest_steps)"),
        ("train", CallWork(99, 9, 1.0), "1 is above 0.1 (largest_learning_rate)"),
        ("train", CallWork(99, 9, float("nan")), "nan is above 0.1 (largest_learning_rate)"),
        ("validate", CallWork(volumes=1), "1 volumes are fewer than 2 (fewest_volumes)"),
        ("test", CallWork(volumes=1), "1 volumes are fewer than 2 (fewest_volumes)"),
    ],
)
def test_a_reply_may_not_rest_on_a_few_slices_or_one_large_step(op, work, line):
    with pytest.raises(SiteRefuses) as caught:
        SitePolicy().refuse_work(op, work)
    assert line in str(caught.value)


@pytest.mark.parametrize(
    ("op", "work"),
    [("train", CallWork(16, 4, 0.1)), ("validate", CallWork(volumes=2)), ("survey", CallWork())],
)
def test_a_reply_that_rests_on_enough_is_allowed(op, work):
    SitePolicy().refuse_work(op, work)


def test_wide_latents_stay_at_the_site(tmp_path):
    policy = SitePolicy(payloads=["latents", "metrics"], widest_latent=3)
    reply = Reply("north", 5, {}, {"latents": {"z": torch.ones(7, 4)}})
    with pytest.raises(SiteRefuses, match="4 numbers are more than 3"):
        reply_to(chain(tmp_path, policy), reply)
    fits = replace(reply, extras={"latents": {"z": torch.ones(7, 3)}})
    reply_to(chain(tmp_path, policy), fits)


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
        ({"largest_learning_rate": -1.0}, "largest_learning_rate: above 0"),
        ({"widest_latent": 0}, "widest_latent: above 0"),
        ({"fewest_slices": 0}, "fewest_slices: at least 1"),
        ({"fewest_steps": -3}, "fewest_steps: at least 1"),
        ({"fewest_volumes": 0}, "fewest_volumes: at least 1"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(values, line):
    with pytest.raises(ConfigErrors) as caught:
        SitePolicy(**values)
    assert line in caught.value.problems[0]


def test_weights_leave_alone_or_with_few_others_only_where_a_policy_lets_them(tmp_path):
    policy = SitePolicy(fewest_in_sum=4, fewest_slices=1, fewest_steps=1)
    shares = {"mask_shares": {f"site_{i}": torch.zeros(80, dtype=torch.uint8) for i in range(3)}}
    few = {"mask_shares": {"site_0": shares["mask_shares"]["site_0"]}}
    for extras, sites in (({}, 1), (few, 2)):
        with pytest.raises(SiteRefuses, match=rf"weights of {sites} sites are added, 4 at least"):
            call(chain(tmp_path, policy), message=replace(MESSAGE, extras=extras))
    call(chain(tmp_path, policy), message=replace(MESSAGE, extras=shares))
    masked = {"a": torch.zeros(9, 6, dtype=torch.uint8)}
    reply_to(chain(tmp_path, policy), Reply("north", 5, masked))
    # shares in a message are no masks yet
    with pytest.raises(SiteRefuses, match="its weights have no mask"):
        reply_to(chain(tmp_path, policy), Reply("north", 5, MESSAGE.weights))
    call(chain(tmp_path, policy), op="validate")
    reply_to(chain(tmp_path, SitePolicy()), Reply("north", 5, MESSAGE.weights))


def test_keys_and_shares_leave_with_their_operations(tmp_path):
    given = Reply("north", 5, extras={"mask_keys": {"own": torch.zeros(64, dtype=torch.uint8)}})

    def leave(policy, op):
        for half in reversed(chain(tmp_path, policy)):
            half.after(op, 0, given, Memory())

    leave(SitePolicy(), "agree")
    with pytest.raises(SiteRefuses, match="mask_keys isn't among its payloads"):
        leave(SitePolicy(), "train")
    with pytest.raises(SiteRefuses, match="agree isn't among its operations"):
        call(chain(tmp_path, SitePolicy(operations=["join", "train"])), op="agree")


def test_a_sum_of_two_is_none(tmp_path):
    with pytest.raises(ConfigErrors, match="fewest_in_sum: at least 3, or null; got 2"):
        SitePolicy(fewest_in_sum=2)
