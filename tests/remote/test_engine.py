"""Remote sites over any transport: each call's header, the ledgers, and errors before a run."""

from dataclasses import replace

import pytest
from kits.engines import CLINICS, behind, engine_of, messages, setting
from kits.envelopes import EnvelopeEngine, by_envelopes
from kits.ledgers import Scale, count_recorded, read_ledgers

from flmrcm.errors import ConfigErrors, SiteFailed
from flmrcm.federation.clients import Clients
from flmrcm.federation.memory import MemoryStore
from flmrcm.federation.site_facts import SiteFacts
from flmrcm.federation.workload import Workload
from flmrcm.remote import engine as remote_engine
from flmrcm.remote.connection import Response
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.strategies.scaffold import Scaffold
from flmrcm.types import Reply

NOBODY = Clients({}, dict)


class Recording:
    """A transport that notes each call's header and passes it on."""

    def __init__(self, transport):
        self.transport, self.headers = transport, []

    def send(self, calls, messages, timeout, patience):
        self.headers += calls.values()
        return self.transport.send(calls, messages, timeout, patience)


@pytest.fixture
def engine(clinics, tmp_path):
    return engine_of(by_envelopes, clinics, Scaffold(), tmp_path)


def record_headers(engine):
    recording = Recording(engine.connection.transport)
    engine.connection = replace(engine.connection, transport=recording)
    return recording.headers


def test_without_the_library_one_line_names_the_extra(monkeypatch):
    monkeypatch.setattr(remote_engine, "find_spec", lambda _: None)
    with pytest.raises(
        ConfigErrors, match=r"^engine=envelopes: .* pip install 'flmrcm\[envelopes\]'"
    ):
        EnvelopeEngine(NOBODY, MemoryStore(), federation="deploy")


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"federation": None}, "made by `flmrcm deploy envelopes`"),
        ({"patience": -1.0}, "engine.patience: 0 seconds or more; got -1"),
        ({"threads": 0}, "engine.threads: at least 1; got 0"),
    ],
)
def test_a_wrong_value_is_refused(options, line):
    with pytest.raises(ConfigErrors) as refused:
        EnvelopeEngine(NOBODY, MemoryStore(), **{"federation": "deploy"} | options)
    assert line in str(refused.value)


def test_a_process_that_is_not_the_coordinators_cannot_call_sites():
    engine = EnvelopeEngine(NOBODY, MemoryStore(), federation="deploy")
    with pytest.raises(SiteFailed, match="from the coordinator only"):
        list(engine.call("train", messages(("east",))))


def test_a_site_whose_facts_lack_a_needed_split_has_not_joined(engine):
    facts = SiteFacts(4, 2, ["train"])

    class Lacking:
        def send(self, calls, *_):
            return (Response(Reply(site), facts=facts) for site in sorted(calls))

    engine.connection = replace(engine.connection, transport=Lacking())
    joined = engine.join({"east": ("train", "val"), "north": ("train",)})
    assert joined.facts.keys() == {"north"}
    assert joined.reasons == {"east": "site east: it has no 'val', which the run needs."}


def test_a_site_is_told_how_much_it_trains(engine):
    headers = record_headers(engine)
    engine.workloads = {"east": Workload(3, 7)}
    next(iter(engine.call("validate", messages(("east",)))))
    assert (headers[0].epochs, headers[0].steps) == (3, 7)


def test_a_call_names_the_round_its_memory_belongs_to_and_those_that_may_be_needed(engine):
    headers = record_headers(engine)
    extras = {"control": {k: v * 0 for k, v in messages()["east"].weights.items()}}
    for round_ in range(3):
        sent = messages(("east",), round_)
        sent["east"].extras.update(extras)
        list(engine.call("train", sent))
        engine.forget_before([engine.snapshot()])
    assert [header.memory_round for header in headers] == [None, 0, 1]
    engine.restore({"east": 0})
    list(engine.call("validate", messages(("east",))))
    assert headers[-1].memory_round == 0
    assert list(headers[-1].kept_rounds) == [0, 2]


@pytest.mark.parametrize("wire", ["bf16", "fp16"])
def test_16_bits_on_the_wire_halve_the_bytes_in_both_ledgers(clinics, tmp_path, wire):
    here = setting(clinics, tmp_path, rounds=1)
    engine = engine_of(by_envelopes, clinics, FedAvg(), tmp_path, wire)
    scale = Scale(engine)
    initial = messages()["east"].weights
    behind(scale, here.federation(FedAvg()), wire).run(initial)
    coordinator, sites = read_ledgers(tmp_path)
    assert coordinator == sites
    floats = sum(t.numel() for t in initial.values() if t.is_floating_point())
    whole = sum(t.nbytes for t in initial.values() if not t.is_floating_point())
    exchanges = 2 * len(CLINICS)  # training and validation
    assert count_recorded(tmp_path)["to_site"] == exchanges * (2 * floats + whole)
    assert {entry.dtype for entry in coordinator if entry.kind == "weights"} >= {
        {"bf16": "bfloat16", "fp16": "float16"}[wire]
    }
