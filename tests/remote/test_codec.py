"""Letters: what goes in comes out, bit for bit, and who answered is never read from them."""

import math

import pytest
import torch
from kits.laws import equal

from flmrcm import __version__
from flmrcm.remote.call_header import CallHeader
from flmrcm.remote.codec import Envelope, decode_call, decode_response, encode_call, encode_response
from flmrcm.remote.connection import Response
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


def test_an_answer_arrives_as_it_was_given():
    metrics = {"loss": 0.1 + 0.2, "psnr": math.inf}
    sent = Response(Reply("ixi", 7, WEIGHTS, EXTRAS, metrics), 4, {"n_bytes": 1})
    letter = encode_response(sent)
    reply, kept, facts = decode_response("ixi", letter)
    assert (reply.n_examples, reply.metrics, reply.error) == (7, metrics, None)
    assert (kept, facts) == (4, {"n_bytes": 1})
    assert equal(reply.weights, WEIGHTS)


def test_a_site_is_who_the_transport_says_it_is():
    letter = encode_response(Response(Reply("ixi")))
    assert "ixi" not in letter.head
    assert decode_response("brats", letter).reply.site == "brats"


def test_an_answer_of_another_version_is_an_error_with_both_shown(monkeypatch):
    letter = encode_response(Response(Reply("ixi")))
    monkeypatch.setattr("flmrcm.remote.codec.__version__", "9.9")
    error = decode_response("ixi", letter).reply.error
    assert error == f"site ixi: it has flmrcm {__version__}, the coordinator 9.9; install the same."


@pytest.mark.parametrize("head", ["", "[]", "{}", "null"])
def test_what_is_no_answer_is_told_apart(head):
    with pytest.raises((KeyError, TypeError, ValueError)):
        decode_response("ixi", Envelope(head, {"weights": {}}))
