"""Messages out, replies back: one loop over Flower's grid, nothing else of Flower."""

import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol

from flwr.app import Message

from flmrcm.engines.flower_messages import call_record, read_answer
from flmrcm.federation.call import Call
from flmrcm.types import Broadcast, Reply

log = logging.getLogger(__name__)

_POLL = 0.2  # seconds
_TYPES = {"train": "train", "evaluate": "evaluate", "judge": "evaluate.judge",
          "survey": "query.survey", "join": "query.join"}  # fmt: skip


class Way(Protocol):
    """The way to sites: Flower's grid, and the number of each site's key."""

    @property
    def grid(self) -> Any:
        """Flower's."""
        ...

    @property
    def nodes(self) -> Mapping[str, int]:
        """Site → number."""
        ...


class Came(NamedTuple):
    """What came back from a site.

    Attributes:
        reply: as it travelled, or one line of error.
        kept: the round its memory is kept under; None where it has none.
        facts: of its data, where it joined.
    """

    reply: Reply
    kept: int | None = None
    facts: dict[str, Any] | None = None


def ask(
    way: Way,
    calls: Mapping[str, Call],
    messages: Mapping[str, Broadcast],
    timeout: float,
    patience: float,
) -> Iterator[Came]:
    """Gives what sites answer, in sorted order.

    Args:
        way: to the sites.
        calls: by site.
        messages: as they travel, by site.
        timeout: seconds until a site that was called and hasn't replied has failed.
        patience: seconds to wait for sites that aren't connected.
    """
    came, present = _awaited(way, messages, patience)
    records = {site: call_record(calls[site], messages[site]) for site in present}
    posts = [
        Message(record, dst_node_id=way.nodes[site], message_type=_TYPES[calls[site].op])
        for site, record in records.items()
    ]
    waiting = dict(zip(way.grid.push_messages(posts), records, strict=True))
    end = time.monotonic() + timeout
    for site in sorted(messages):
        while site not in came:
            came |= _pulled(way, waiting, messages)
            if site not in came and time.monotonic() > end:
                came |= {name: _late(name, messages[name], timeout) for name in waiting.values()}
            elif site not in came:
                time.sleep(_POLL)
        yield came.pop(site)


def _awaited(
    way: Way, messages: Mapping[str, Broadcast], patience: float
) -> tuple[dict[str, Came], list[str]]:
    """Waits for all to be connected; gives failures for those who aren't, and the others."""
    end, absent = time.monotonic() + patience, sorted(messages)
    told = False
    while absent:
        there = set(way.grid.get_node_ids())
        absent = [site for site in absent if way.nodes.get(site) not in there]
        if not absent or time.monotonic() > end:
            break
        if not told:
            log.info("waiting for %s to connect", ", ".join(absent))
        told = True
        time.sleep(max(_POLL, 1.0))
    why = f"isn't connected (waited {patience:g} s)."
    failures = {site: _failed(site, messages[site], why) for site in absent}
    return failures, [site for site in sorted(messages) if site not in failures]


def _pulled(
    way: Way, waiting: dict[str, str], messages: Mapping[str, Broadcast]
) -> dict[str, Came]:
    """Gives what has come, by site; it's no longer waited for."""
    came: dict[str, Came] = {}
    pulled: Iterable[Message] = way.grid.pull_messages(list(waiting)) if waiting else ()
    for post in pulled:
        site = waiting.pop(post.metadata.reply_to_message_id, None)
        if site is not None:
            came[site] = _read(site, post, messages[site])
    return came


def _read(site: str, post: Message, message: Broadcast) -> Came:
    if post.has_error():
        reason = " ".join(str(post.error.reason).split())[:200]
        return _failed(site, message, f"{reason} (Flower's code {post.error.code})")
    try:
        return Came(*read_answer(site, post.content))
    except (KeyError, TypeError, ValueError) as error:
        return _failed(site, message, f"no answer of ours came ({type(error).__name__}).")


def _late(site: str, message: Broadcast, timeout: float) -> Came:
    return _failed(site, message, f"no reply within {timeout:g} s (robust.timeout).")


def _failed(site: str, message: Broadcast, why: str) -> Came:
    return Came(Reply(site, error=f"site {site}, round {message.round}: {why}"))
