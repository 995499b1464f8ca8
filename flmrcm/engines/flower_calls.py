"""Messages out, replies back: one loop over Flower's grid, nothing else of Flower."""

import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flwr.app import Message

from flmrcm.engines.flower_messages import letter_of, record_of
from flmrcm.engines.letters import call_letter, read_answer
from flmrcm.engines.transport import Came, absent, failed, late
from flmrcm.federation.call import Call
from flmrcm.types import Broadcast

log = logging.getLogger(__name__)

_POLL = 0.2  # seconds
_TYPES = {"train": "train", "evaluate": "evaluate", "judge": "evaluate.judge",
          "survey": "query.survey", "join": "query.join"}  # fmt: skip


@dataclass(frozen=True)
class FlowerGrid:
    """Flower's way to the sites.

    Attributes:
        grid: Flower's door to the nodes.
        nodes: site → the number by which Flower knows its key.
    """

    grid: Any
    nodes: Mapping[str, int]

    def ask(
        self,
        calls: Mapping[str, Call],
        messages: Mapping[str, Broadcast],
        timeout: float,
        patience: float,
    ) -> Iterator[Came]:
        """Gives what sites answer, in sorted order; see `Transport`."""
        away = self._awaited(sorted(messages), patience)
        came = {site: absent(site, messages[site], patience) for site in away}
        waiting = self._pushed({s: c for s, c in calls.items() if s not in came}, messages)
        end = time.monotonic() + timeout
        for site in sorted(messages):
            while site not in came:
                came |= self._pulled(waiting, messages)
                if site not in came and time.monotonic() > end:
                    came |= {name: late(name, messages[name], timeout) for name in waiting.values()}
                elif site not in came:
                    time.sleep(_POLL)
            yield came.pop(site)

    def _awaited(self, away: list[str], patience: float) -> list[str]:
        """Waits for sites to be connected; gives those who aren't in the end."""
        end, told = time.monotonic() + patience, False
        while True:
            there = set(self.grid.get_node_ids())
            away = [site for site in away if self.nodes.get(site) not in there]
            if not away or time.monotonic() > end:
                return away
            if not told:
                log.info("waiting for %s to connect", ", ".join(away))
            told = True
            time.sleep(1.0)

    def _pushed(
        self, calls: Mapping[str, Call], messages: Mapping[str, Broadcast]
    ) -> dict[str, str]:
        """Sends calls off; gives whose answer each of Flower's message numbers will be."""
        numbers: dict[str, str] = {}
        for site, call in calls.items():  # one by one: a model for each site wouldn't fit
            record, kind = record_of(call_letter(call, messages[site])), _TYPES[call.op]
            post = Message(record, dst_node_id=self.nodes[site], message_type=kind)
            numbers |= dict.fromkeys(self.grid.push_messages([post]), site)
        return numbers

    def _pulled(
        self, waiting: dict[str, str], messages: Mapping[str, Broadcast]
    ) -> dict[str, Came]:
        """Gives what has come, by site; it's no longer waited for."""
        came: dict[str, Came] = {}
        pulled: Iterable[Message] = self.grid.pull_messages(list(waiting)) if waiting else ()
        for post in pulled:
            site = waiting.pop(post.metadata.reply_to_message_id, None)
            if site is not None:
                came[site] = _read(site, post, messages[site])
        return came


def _read(site: str, post: Message, message: Broadcast) -> Came:
    if post.has_error():
        reason = " ".join(str(post.error.reason).split())[:200]
        return failed(site, message, f"{reason} (Flower's code {post.error.code})")
    try:
        return read_answer(site, letter_of(post.content))
    except (KeyError, TypeError, ValueError) as error:
        return failed(site, message, f"no answer of ours came ({type(error).__name__}).")
