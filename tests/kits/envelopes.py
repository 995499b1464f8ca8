"""Remote sites whose envelopes are answered in this process."""

from collections.abc import Iterator, Mapping
from threading import Lock
from typing import Any, ClassVar

from flmrcm.errors import FlmrcmError
from flmrcm.federation.clients import Clients
from flmrcm.federation.memory import MemoryStore
from flmrcm.federation.site_call import answer_call
from flmrcm.federation.workload import Workload
from flmrcm.remote.codec import (
    Envelope,
    decode_call,
    decode_response,
    encode_call,
    encode_response,
)
from flmrcm.remote.connection import CallHeader, Connection, Response, Transport
from flmrcm.remote.engine import RemoteEngine
from flmrcm.remote.site_errors import find_kind
from flmrcm.types import Broadcast, Reply


class Desk:
    """Answers every envelope as its site would, one at a time, from the memory the call names.

    Args:
        clients: their factory makes the clients that answer.
        store: its folder is that of the sites' memories.
    """

    def __init__(self, clients: Clients, store: MemoryStore) -> None:
        self.sites = sorted(clients)
        self._factory, self._folder, self._turn = clients.factory, store.folder, Lock()
        self._clients: Mapping[str, Any] = {}

    def answer(self, site: str, envelope: Envelope) -> Envelope:
        """Return a site's response."""
        call, message = decode_call(envelope)
        with self._turn:
            self._clients = self._clients or self._factory()
            store = MemoryStore(self._folder, budget=0)
            if call.memory_round is not None:
                store.restore({site: call.memory_round})
            workload = Workload(call.epochs, call.steps)
            client = self._clients[site]
            try:
                reply = answer_call(client, call.op, message, store, workload, threads=1)
            except FlmrcmError as error:
                reply = Reply(site, error=str(error), error_kind=find_kind(error))
        return encode_response(Response(reply, store.snapshot().get(site)))


class Delivery:
    """A transport that carries nothing: envelopes are passed on in this process."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def send(
        self, calls: Mapping[str, CallHeader], messages: Mapping[str, Broadcast], *_: float
    ) -> Iterator[Response]:
        for site in sorted(messages):
            envelope = encode_call(calls[site], messages[site])
            yield decode_response(site, messages[site].round, self.desk.answer(site, envelope))


class EnvelopeEngine(RemoteEngine):
    """A remote engine whose transport is left out."""

    via: ClassVar[str] = "envelopes"
    package: ClassVar[str] = "flmrcm"


def by_envelopes(clients: Clients, store: MemoryStore, **options: Any) -> EnvelopeEngine:
    """Return an engine whose envelopes are passed on in this process."""
    connection = connected(Delivery(Desk(clients, store)))
    options = {"federation": "deploy/coordinator", "connection": connection} | options
    return EnvelopeEngine(clients, store, **options)


def connected(transport: Transport) -> Connection:
    """Return a connection to sites that compare no versions."""
    return Connection(transport, "0" * 12, "e" * 16)
