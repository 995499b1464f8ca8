"""Envelopes: calls and responses arrive bit for bit, and never name their site."""

import json
import math
from contextlib import suppress
from dataclasses import asdict

import pytest
import torch
from kits.laws import equal

from flmrcm import __version__
from flmrcm.errors import SiteRefuses
from flmrcm.federation.site_facts import SiteFacts
from flmrcm.remote.codec import Envelope, decode_call, decode_response, encode_call, encode_response
from flmrcm.remote.connection import CallHeader, Response
from flmrcm.remote.heads import EnvelopeError
from flmrcm.remote.site_errors import SENTENCES
from flmrcm.types import Broadcast, Reply

FACTS = SiteFacts(9, 2, ["train"], {"train": [(16, 16)]}, 100, "abc123", ["train"], [])
WEIGHTS = {"a": torch.randn(3), "b": torch.randn(2).to(torch.bfloat16)}
EXTRAS = {"latents": {"a": torch.tensor(2)}}


def test_a_call_arrives_as_it_was_sent():
    call = CallHeader(
        "train",
        __version__,
        "0" * 12,
        "e" * 16,
        memory_round=3,
        kept_rounds=[1, 3],
        splits=["test"],
    )
    read, message = decode_call(encode_call(call, Broadcast(4, WEIGHTS, EXTRAS)))
    assert read == call
    assert message.round == 4
    assert equal(message.weights, WEIGHTS)
    assert equal(message.extras["latents"], EXTRAS["latents"])


def test_a_response_arrives_as_it_was_sent():
    metrics = {"loss": 0.1 + 0.2, "psnr": math.inf}
    sent = Response(Reply("ixi", 7, WEIGHTS, EXTRAS, metrics), 4, FACTS)
    envelope = encode_response(sent)
    reply, memory_round, facts = decode_response("ixi", 4, envelope)
    assert (reply.n_examples, reply.metrics, reply.error) == (7, metrics, None)
    assert (memory_round, facts) == (4, FACTS)
    assert equal(reply.weights, WEIGHTS)


def test_a_site_is_known_by_the_transport_not_by_its_envelope():
    envelope = encode_response(Response(Reply("ixi")))
    assert "ixi" not in envelope.head
    assert decode_response("brats", 4, envelope).reply.site == "brats"


def test_a_response_of_another_version_is_an_error_that_names_both(monkeypatch):
    envelope = encode_response(Response(Reply("ixi")))
    monkeypatch.setattr("flmrcm.remote.codec.__version__", "9.9")
    error = decode_response("ixi", 4, envelope).reply.error
    why = f"it has flmrcm {__version__}, the coordinator 9.9; install the same."
    assert error == f"site ixi, round 4: {why}"


def test_a_call_of_another_version_is_refused_before_the_rest_is_read(monkeypatch):
    monkeypatch.setattr("flmrcm.remote.codec.__version__", "9.9")
    with pytest.raises(SiteRefuses) as caught:
        decode_call(Envelope(f'{{"version": "{__version__}", "op": "fly"}}', {}))
    assert caught.value.kind == "version"


def test_a_failure_travels_as_a_word_and_arrives_as_its_sentence():
    failed = Reply("ixi", error="/secret: no such file", error_kind="file")
    envelope = encode_response(Response(failed))
    assert "secret" not in envelope.head
    reply = decode_response("ixi", 3, envelope).reply
    assert reply.error == f"site ixi, round 3: {SENTENCES['file']}"
    assert reply.error_kind == "file"


GOOD = {
    "version": __version__, "n_examples": 7, "metrics": {"loss": 0.5}, "error": None,
    "memory_round": 3, "facts": None,
}  # fmt: skip


@pytest.mark.parametrize(
    "head",
    [
        "", "[]", "{}", "null", "[" * 100_000, '{"version": 1}',
        *(
            json.dumps({**GOOD, **change})
            for change in (
                {"n_examples": math.inf},
                {"n_examples": -1},
                {"n_examples": 7.5},
                {"n_examples": "7"},
                {"n_examples": True},
                {"metrics": None},
                {"metrics": []},
                {"metrics": {"loss": "0.5"}},
                {"metrics": {"x" * 1000: 0.5}},
                {"metrics": {"a\nb": 0.5}},
                {"metrics": {"loss": {"a": 1}}},
                {"error": ["no"]},
                {"error": "x" * 1000},
                {"error": "Traceback: /secret"},
                {"memory_round": "../../x"},
                {"memory_round": -1},
                {"facts": {}},
                {"facts": {**asdict(FACTS), "n_batches": -2}},
                {"facts": {**asdict(FACTS), "n_batches": 0}},
                {"facts": {**asdict(FACTS), "sizes": {"train": [[0, 16]]}}},
                {"facts": {**asdict(FACTS), "sizes": {"elsewhere": [[16, 16]]}}},
                {"facts": {**asdict(FACTS), "splits": ["train", "secret"]}},
                {"facts": {**asdict(FACTS), "fingerprint": "../x"}},
            )
        ),
    ],
    ids=lambda head: head[-60:],
)  # fmt: skip
def test_what_is_no_response_is_one_kind_of_error(head):
    with pytest.raises(EnvelopeError):
        decode_response("ixi", 0, Envelope(head, {"weights": {}}))


def test_a_number_too_large_for_a_float_stops_nobody():
    head = json.dumps({**GOOD, "metrics": {"loss": 10**400}})
    with suppress(EnvelopeError):
        assert decode_response("ixi", 0, Envelope(head, {})).reply.metrics["loss"] == math.inf


@pytest.mark.parametrize(
    "change",
    [
        {"op": "delete"}, {"run_id": "/abs/path"}, {"run_id": "../../x"},
        {"run_id": "e" * 16 + "\n"}, {"run_id": "E" * 16}, {"round": -1},
        {"round": "0"}, {"round": 2**40}, {"epochs": 0},
        {"steps": -1}, {"kept_rounds": ["../x"]}, {"kept_rounds": [0] * 100_000},
        {"splits": ["../train"]}, {"memory_round": True}, {"config_hash": "x"},
    ],
    ids=str,
)  # fmt: skip
def test_a_call_whose_words_are_no_words_is_refused(change):
    call = CallHeader("train", __version__, "0" * 12, "e" * 16)
    head = json.loads(encode_call(call, Broadcast(0, {})).head)
    decode_call(Envelope(json.dumps(head), {}))
    with pytest.raises(EnvelopeError):
        decode_call(Envelope(json.dumps({**head, **change}), {}))


@pytest.mark.parametrize(
    "tensors",
    [
        {"weights": [1]},
        {"weights": {"a": 1.0}},
        {"weights": {"a": torch.ones(2, dtype=torch.complex64)}},
        {"weights": {"a": torch.eye(2).to_sparse()}},
        {"weights": {"../a": torch.zeros(1)}},
        {"weights": {7: torch.zeros(1)}},
        {"extras/../x": {"a": torch.zeros(1)}},
        {"images": {"a": torch.zeros(1)}},
    ],
    ids=lambda tensors: str(tensors)[:40],
)
def test_only_plain_tensors_by_plain_names_are_read(tensors):
    with pytest.raises(EnvelopeError):
        decode_response("ixi", 0, Envelope(json.dumps(GOOD), tensors))
