"""Two thousand letters, random and mutated: whatever arrives, one word is said and nothing ends."""

import json
import math
from copy import deepcopy
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from kits.laws import server_chain

from flmrcm import __version__
from flmrcm.errors import FlmrcmError
from flmrcm.federation.site_facts import SiteFacts
from flmrcm.remote.codec import Envelope, decode_response, encode_response, read_envelope
from flmrcm.remote.connection import Response
from flmrcm.remote.heads import EnvelopeError
from flmrcm.remote.site_errors import SENTENCES
from flmrcm.remote.site_server import SiteServer
from flmrcm.remote.site_settings import read_site_settings
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.types import Broadcast, Reply, ServerState

FUZZ = settings(
    max_examples=1000,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
ODD = [
    math.inf, -math.inf, math.nan, 10**400, -1, 2**63, True, None, "", "../../x", "/etc/passwd",
    "${oc.env:HOME}", "\x00", "é" * 300, [], {}, [[[[]]]], {"_target_": "os.getcwd"}, "train", 0.5,
]  # fmt: skip
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
JSON = st.sampled_from(ODD) | st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=12,
)
TENSORS = st.sampled_from(
    [
        {},
        {"weights": {}},
        {"weights": {"a": torch.zeros(2)}},
        {"weights": {"../a": torch.ones(1)}},
        {"weights": {"a": "text"}},
        {"extras/latents": {"latents": torch.full((3, 4), math.nan)}},
        {"extras/../x": {}},
        {7: {}},
        {"weights": None},
        {"weights": {"a": torch.ones(2).to_sparse()}},
        {"weights": {"a": torch.ones(2, dtype=torch.complex64)}},
        {"weights": {"a": torch.ones(10**4)}},
    ]
)


@st.composite
def mutated(draw: Any, good: dict[str, Any]) -> Any:
    """A good object, some of its values replaced, taken away, or joined by others."""
    changed = json.loads(json.dumps(good))
    for _ in range(draw(st.sampled_from([1, 1, 1, 3]))):
        node = changed
        while isinstance(node, dict) and node:
            key = draw(st.sampled_from(sorted(node)))
            if not (isinstance(node[key], dict) and draw(st.booleans())):
                break
            node = node[key]
        else:
            key = draw(st.text(max_size=9))
        if isinstance(node, dict):
            if draw(st.booleans()):
                node[key] = deepcopy(draw(JSON))  # changed further by the next turn
            else:
                node.pop(key, None)
    return changed


def letters(good):
    """Random texts, random JSON, mutations of something good, and what is good."""
    random, changed = st.text(max_size=200) | JSON.map(_dump), mutated(good).map(_dump)
    return half(st.just(_dump(good)), half(changed, random))


def half(one, other):
    """One of two, each half of the time, however many branches they have."""
    return st.booleans().flatmap(lambda first: one if first else other)


def _dump(value):
    try:
        return json.dumps(value)
    except ValueError:
        return "{"


FACTS = {"n_examples": 3, "n_batches": 2, "splits": ["train"], "sizes": {"train": [[16, 16]]},
         "n_bytes": 9, "fingerprint": "abc"}  # fmt: skip
ANSWER = {"version": __version__, "n_examples": 3, "metrics": {"loss": 0.5}, "error": None,
          "memory_round": 0, "facts": FACTS}  # fmt: skip
SENT = Broadcast(0, {"a": torch.zeros(2)})


@FUZZ
@given(
    head=letters(ANSWER),
    tensors=half(st.just({"weights": SENT.weights}), TENSORS),
    op=st.sampled_from(["train", "validate", "test"]),
)
def test_no_answer_of_a_site_stops_the_coordinator(head, tensors, op):
    chain = server_chain(FedAvg())
    try:
        response = decode_response("ixi", 0, read_envelope((head, tensors)))
    except EnvelopeError:
        event("a coordinator can't read it")
        return
    assert response.facts is None or isinstance(response.facts, SiteFacts)
    reply = response.reply
    for half in chain.halves:
        reply = half.after(op, SENT, reply)
    assert reply.site == "ixi"
    event("a coordinator refuses it" if reply.error else "a coordinator counts it")
    if reply.error is None and op == "train":
        FedAvg().aggregate(ServerState(SENT.weights), [reply])


@pytest.fixture
def server(site_file):
    return SiteServer(read_site_settings(site_file))


@pytest.fixture
def before(tmp_path, site_file):
    return {p for p in tmp_path.rglob("*") if "runs" not in p.parts and "memory" not in p.parts}


def test_no_call_of_a_coordinator_ends_a_site(server, call, config, weights, tmp_path, before):
    good = json.loads(call(weights, op="train").head)

    @FUZZ
    @given(
        head=letters(good),
        text=letters(config),
        tensors=half(st.just({"weights": weights}), TENSORS),
    )
    def knock(head, text, tensors):
        answer = server.answer(Envelope(head, tensors), text)
        said = json.loads(answer.head)
        assert said["error"] in {None, *SENTENCES}
        event(f"a site says {said['error']}")
        assert decode_response("ixi", 0, answer).reply.site == "ixi"

    knock()
    # nothing but the site's own notes of runs was written, and these lie where they belong
    after = {p for p in tmp_path.rglob("*") if "runs" not in p.parts and "memory" not in p.parts}
    assert after == before
    assert {p.name for p in (tmp_path / "runs").iterdir()} == {"e" * 16}


@pytest.mark.parametrize("parts", [None, 7, (), ("a",), ("a", {}, {}), (1, {}), ("a", [])], ids=str)
def test_parts_of_another_form_are_no_envelope(parts):
    with pytest.raises(EnvelopeError):
        read_envelope(parts)


def test_an_errors_text_never_travels():
    failed = Reply("ixi", error="/home/ward/patient.h5: no such file")
    assert "patient" not in encode_response(Response(failed)).head
    assert issubclass(EnvelopeError, FlmrcmError)
