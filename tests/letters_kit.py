"""Sites abroad without a transport: letters are written, read and answered in one process."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from flmrcm.engines.abroad import Reach, SitesAbroad
from flmrcm.engines.letters import answer_letter, call_letter, read_answer, read_call
from flmrcm.engines.transport import Came
from flmrcm.engines.worker import Worker
from flmrcm.federation.call import Call
from flmrcm.federation.crew import Crew
from flmrcm.federation.memory import MemoryStore
from flmrcm.types import Broadcast


class ByLetters(SitesAbroad):
    """An engine whose sites get letters; what carries them is left out."""

    via: ClassVar[str] = "letters"
    library: ClassVar[str] = "flmrcm"


class Desk:
    """Answers every letter as its site would: from the memory that the call names.

    Args:
        worker: makes the sites' clients.
    """

    def __init__(self, worker: Worker) -> None:
        self.worker = worker

    def ask(
        self, calls: Mapping[str, Call], messages: Mapping[str, Broadcast], *_: float
    ) -> Iterator[Came]:
        for site in sorted(messages):
            call, message = read_call(call_letter(calls[site], messages[site]))
            kept = {} if call.kept is None else {site: call.kept}
            reply, kept = self.worker.answer(call.op, site, message, kept)  # pyright: ignore[reportArgumentType]
            yield read_answer(site, answer_letter(reply, kept, None))


def by_letters(clients: Crew, store: MemoryStore, **options: Any) -> ByLetters:
    """Gives the engine; its sites keep their memories where the store has its files."""
    reach = Reach(Desk(Worker(clients.recipe, store.folder, threads=1)), "hash", "experiment")
    return ByLetters(clients, store, federation="deploy/coordinator", reach=reach, **options)
