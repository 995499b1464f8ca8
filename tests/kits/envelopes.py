"""Sites abroad whose letters are answered at a desk of this process."""

from collections.abc import Iterator, Mapping
from threading import Lock
from typing import Any, ClassVar

from flmrcm.engines.worker import Worker
from flmrcm.federation.clients import Clients
from flmrcm.federation.memory import MemoryStore
from flmrcm.remote.call_header import CallHeader
from flmrcm.remote.codec import Envelope, decode_call, decode_response, encode_call, encode_response
from flmrcm.remote.connection import Response, Transport
from flmrcm.remote.engine import Connection, RemoteEngine
from flmrcm.types import Broadcast


class Desk:
    """Answers every letter as its site would, one at a time, from the memory that the call names.

    Args:
        clients: with the recipe of those who answer.
        store: whose folder is the sites'.
    """

    def __init__(self, clients: Clients, store: MemoryStore) -> None:
        self.sites = sorted(clients)
        self._worker, self._hand = Worker(clients.factory, store.folder, threads=1), Lock()

    def answer(self, site: str, letter: Envelope) -> Envelope:
        """Gives a site's answer."""
        call, message = decode_call(letter)
        kept = {} if call.memory_round is None else {site: call.memory_round}
        with self._hand:
            reply, kept = self._worker.answer(call.op, site, message, kept)
        return encode_response(reply, kept, None)


class Handed:
    """A way to sites that is none: letters are handed over."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def send(
        self, calls: Mapping[str, CallHeader], messages: Mapping[str, Broadcast], *_: float
    ) -> Iterator[Response]:
        for site in sorted(messages):
            letter = encode_call(calls[site], messages[site])
            yield decode_response(site, self.desk.answer(site, letter))


class ByLetters(RemoteEngine):
    """An engine whose sites get letters; what carries them is left out."""

    via: ClassVar[str] = "letters"
    package: ClassVar[str] = "flmrcm"


def by_letters(clients: Clients, store: MemoryStore, **options: Any) -> ByLetters:
    """Gives an engine whose letters are handed over."""
    reach = reached(Handed(Desk(clients, store)))
    return ByLetters(clients, store, federation="deploy/coordinator", reach=reach, **options)


def reached(transport: Transport) -> Connection:
    """Gives a way to sites that compare nothing."""
    return Connection(transport, "hash", "experiment")
