"""Sites abroad, whatever carries the letters: what is asked of whom, and what is told in time."""

from dataclasses import replace

import pytest
from kits.engines import CLINICS, behind, engine_of, messages, setting
from kits.envelopes import EnvelopeEngine, by_envelopes
from kits.ledgers import Scale, booked_bytes, books

from flmrcm.errors import ConfigErrors, SiteFailed
from flmrcm.federation.clients import Clients
from flmrcm.federation.memory import MemoryStore
from flmrcm.remote import engine as remote_engine
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.strategies.scaffold import Scaffold

NOBODY = Clients({}, dict)


class Listening:
    """A way to sites that notes each call's head and hands it on."""

    def __init__(self, transport):
        self.transport, self.heads = transport, []

    def send(self, calls, messages, timeout, patience):
        self.heads += calls.values()
        return self.transport.send(calls, messages, timeout, patience)


@pytest.fixture
def engine(clinics, tmp_path):
    return engine_of(by_envelopes, clinics, Scaffold(), tmp_path)


def overheard(engine):
    listening = Listening(engine.connection.transport)
    engine.connection = replace(engine.connection, transport=listening)
    return listening.heads


def test_without_the_library_one_line_names_the_extra(monkeypatch):
    monkeypatch.setattr(remote_engine, "find_spec", lambda _: None)
    with pytest.raises(
        ConfigErrors, match=r"^engine=envelopes: .* pip install 'flmrcm\[envelopes\]'"
    ):
        EnvelopeEngine(NOBODY, MemoryStore(), federation="deploy")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"federation": None}, "made by `flmrcm deploy envelopes`"),
        ({"patience": -1.0}, "engine.patience: 0 seconds or more; got -1"),
        ({"threads": 0}, "engine.threads: at least 1; got 0"),
    ],
)
def test_what_makes_no_sense_is_refused(options, said):
    with pytest.raises(ConfigErrors) as refused:
        EnvelopeEngine(NOBODY, MemoryStore(), **{"federation": "deploy"} | options)
    assert said in str(refused.value)


def test_a_process_that_is_not_the_coordinators_has_no_way_to_sites():
    engine = EnvelopeEngine(NOBODY, MemoryStore(), federation="deploy")
    with pytest.raises(SiteFailed, match="from the coordinator only"):
        list(engine.call("train", messages(("east",))))


def test_a_call_names_the_round_its_memory_belongs_to_and_those_that_may_be_needed(engine):
    heads = overheard(engine)
    extras = {"control": {k: v * 0 for k, v in messages()["east"].weights.items()}}
    for round_ in range(3):
        asked = messages(("east",), round_)
        asked["east"].extras.update(extras)
        list(engine.call("train", asked))
        engine.forget_before([engine.snapshot()])
    assert [head.memory_round for head in heads] == [None, 0, 1]
    engine.restore({"east": 0})
    list(engine.call("validate", messages(("east",))))
    assert heads[-1].memory_round == 0
    assert list(heads[-1].kept_rounds) == [0, 2]


@pytest.mark.parametrize("wire", ["bf16", "fp16"])
def test_a_narrow_wire_halves_what_both_books_hold(clinics, tmp_path, wire):
    here = setting(clinics, tmp_path, rounds=1)
    engine = engine_of(by_envelopes, clinics, FedAvg(), tmp_path, wire)
    scale = Scale(engine)
    initial = messages()["east"].weights
    behind(scale, here.federation(FedAvg()), wire).run(initial)
    coordinator, sites = books(tmp_path)
    assert coordinator == sites
    floats = sum(t.numel() for t in initial.values() if t.is_floating_point())
    whole = sum(t.nbytes for t in initial.values() if not t.is_floating_point())
    exchanges = 2 * len(CLINICS)  # training and validation
    assert booked_bytes(tmp_path)["to_site"] == exchanges * (2 * floats + whole)
    assert {entry.dtype for entry in coordinator if entry.kind == "weights"} >= {
        {"bf16": "bfloat16", "fp16": "float16"}[wire]
    }
