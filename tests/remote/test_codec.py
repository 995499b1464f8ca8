"""Envelopes: calls and responses arrive bit for bit, and never name their site."""

import math

import pytest
import torch
from kits.laws import equal

from flmrcm import __version__
from flmrcm.remote.codec import Envelope, decode_call, decode_response, encode_call, encode_response
from flmrcm.remote.connection import CallHeader, Response
from flmrcm.types import Broadcast, Reply

WEIGHTS = {"a": torch.randn(3), "b": torch.randn(2).to(torch.bfloat16)}
EXTRAS = {"latents": {"a": torch.tensor(2)}}


def test_a_call_arrives_as_it_was_sent():
    call = CallHeader(
        "train",
        __version__,
        "hash",
        "experiment",
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
    sent = Response(Reply("ixi", 7, WEIGHTS, EXTRAS, metrics), 4, {"n_bytes": 1})
    envelope = encode_response(sent)
    reply, memory_round, facts = decode_response("ixi", envelope)
    assert (reply.n_examples, reply.metrics, reply.error) == (7, metrics, None)
    assert (memory_round, facts) == (4, {"n_bytes": 1})
    assert equal(reply.weights, WEIGHTS)


def test_a_site_is_known_by_the_transport_not_by_its_envelope():
    envelope = encode_response(Response(Reply("ixi")))
    assert "ixi" not in envelope.head
    assert decode_response("brats", envelope).reply.site == "brats"


def test_a_response_of_another_version_is_an_error_that_names_both(monkeypatch):
    envelope = encode_response(Response(Reply("ixi")))
    monkeypatch.setattr("flmrcm.remote.codec.__version__", "9.9")
    error = decode_response("ixi", envelope).reply.error
    assert error == f"site ixi: it has flmrcm {__version__}, the coordinator 9.9; install the same."


@pytest.mark.parametrize("head", ["", "[]", "{}", "null"])
def test_what_is_no_response_is_an_error(head):
    with pytest.raises((KeyError, TypeError, ValueError)):
        decode_response("ixi", Envelope(head, {"weights": {}}))
