"""Messages out, replies back: one loop over Flower's grid, nothing else of Flower."""

import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flwr.app import Message

from flmrcm.remote.call_header import CallHeader
from flmrcm.remote.codec import decode_response, encode_call
from flmrcm.remote.connection import Response, report_absent, report_failure, report_late
from flmrcm.remote.flower.codec import decode_record, encode_record
from flmrcm.types import Broadcast

log = logging.getLogger(__name__)

_POLL = 0.2  # seconds
_TYPES = {"train": "train", "validate": "evaluate", "test": "evaluate.test",
          "survey": "query.survey", "join": "query.join"}  # fmt: skip


@dataclass(frozen=True)
class FlowerTransport:
    """Flower's way to the sites.

    Attributes:
        grid: Flower's door to the nodes.
        nodes: site → the number by which Flower knows its key.
    """

    grid: Any
    nodes: Mapping[str, int]

    def send(
        self,
        calls: Mapping[str, CallHeader],
        messages: Mapping[str, Broadcast],
        timeout: float,
        patience: float,
    ) -> Iterator[Response]:
        """Gives what sites answer, in sorted order; see `Transport`."""
        away = self._wait_for_nodes(sorted(messages), patience)
        came = {site: report_absent(site, messages[site], patience) for site in away}
        waiting = self._push({s: c for s, c in calls.items() if s not in came}, messages)
        end = time.monotonic() + timeout
        for site in sorted(messages):
            while site not in came:
                came |= self._pull(waiting, messages)
                if site not in came and time.monotonic() > end:
                    came |= {
                        name: report_late(name, messages[name], timeout)
                        for name in waiting.values()
                    }
                elif site not in came:
                    time.sleep(_POLL)
            yield came.pop(site)

    def _wait_for_nodes(self, away: list[str], patience: float) -> list[str]:
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

    def _push(
        self, calls: Mapping[str, CallHeader], messages: Mapping[str, Broadcast]
    ) -> dict[str, str]:
        """Sends calls off; gives whose answer each of Flower's message numbers will be."""
        numbers: dict[str, str] = {}
        for site, call in calls.items():  # one by one: a model for each site wouldn't fit
            record, kind = encode_record(encode_call(call, messages[site])), _TYPES[call.op]
            post = Message(record, dst_node_id=self.nodes[site], message_type=kind)
            numbers |= dict.fromkeys(self.grid.push_messages([post]), site)
        return numbers

    def _pull(
        self, waiting: dict[str, str], messages: Mapping[str, Broadcast]
    ) -> dict[str, Response]:
        """Gives what has come, by site; it's no longer waited for."""
        came: dict[str, Response] = {}
        pulled: Iterable[Message] = self.grid.pull_messages(list(waiting)) if waiting else ()
        for post in pulled:
            site = waiting.pop(post.metadata.reply_to_message_id, None)
            if site is not None:
                came[site] = _read_message(site, post, messages[site])
        return came


def _read_message(site: str, post: Message, message: Broadcast) -> Response:
    if post.has_error():
        reason = " ".join(str(post.error.reason).split())[:200]
        return report_failure(site, message, f"{reason} (Flower's code {post.error.code})")
    try:
        return decode_response(site, decode_record(post.content))
    except (KeyError, TypeError, ValueError) as error:
        return report_failure(site, message, f"no answer of ours came ({type(error).__name__}).")
