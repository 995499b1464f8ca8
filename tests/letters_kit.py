"""Sites abroad whose letters are answered at a desk of this process."""

from collections.abc import Iterator, Mapping
from threading import Lock
from typing import Any, ClassVar

from flmrcm.engines.abroad import Reach, SitesAbroad
from flmrcm.engines.letters import Letter, answer_letter, call_letter, read_answer, read_call
from flmrcm.engines.transport import Came, Transport
from flmrcm.engines.worker import Worker
from flmrcm.federation.call import Call
from flmrcm.federation.crew import Crew
from flmrcm.federation.memory import MemoryStore
from flmrcm.types import Broadcast


class Desk:
    """Answers every letter as its site would, one at a time, from the memory that the call names.

    Args:
        clients: with the recipe of those who answer.
        store: whose folder is the sites'.
    """

    def __init__(self, clients: Crew, store: MemoryStore) -> None:
        self.sites = sorted(clients)
        self._worker, self._hand = Worker(clients.recipe, store.folder, threads=1), Lock()

    def answer(self, site: str, letter: Letter) -> Letter:
        """Gives a site's answer."""
        call, message = read_call(letter)
        kept = {} if call.kept is None else {site: call.kept}
        with self._hand:
            reply, kept = self._worker.answer(call.op, site, message, kept)
        return answer_letter(reply, kept, None)


class Handed:
    """A way to sites that is none: letters are handed over."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def ask(
        self, calls: Mapping[str, Call], messages: Mapping[str, Broadcast], *_: float
    ) -> Iterator[Came]:
        for site in sorted(messages):
            letter = call_letter(calls[site], messages[site])
            yield read_answer(site, self.desk.answer(site, letter))


class ByLetters(SitesAbroad):
    """An engine whose sites get letters; what carries them is left out."""

    via: ClassVar[str] = "letters"
    package: ClassVar[str] = "flmrcm"


def by_letters(clients: Crew, store: MemoryStore, **options: Any) -> ByLetters:
    """Gives an engine whose letters are handed over."""
    reach = reached(Handed(Desk(clients, store)))
    return ByLetters(clients, store, federation="deploy/coordinator", reach=reach, **options)


def reached(transport: Transport) -> Reach:
    """Gives a way to sites that compare nothing."""
    return Reach(transport, "hash", "experiment")
