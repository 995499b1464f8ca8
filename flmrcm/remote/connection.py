"""How calls reach sites in their houses: what every transport does, and what comes of it."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Protocol

from flmrcm.remote.call_header import CallHeader
from flmrcm.types import Broadcast, Reply


class Response(NamedTuple):
    """What came back from a site.

    Attributes:
        reply: as it travelled, or one line of error.
        kept: the round its memory is kept under; None where it has none.
        facts: of its data, where it joined.
    """

    reply: Reply
    memory_round: int | None = None
    facts: dict[str, Any] | None = None


class Transport(Protocol):
    """The way to sites; it lives in the coordinator's process and knows who is who."""

    def send(
        self,
        calls: Mapping[str, CallHeader],
        messages: Mapping[str, Broadcast],
        timeout: float,
        patience: float,
    ) -> Iterator[Response]:
        """Gives what sites answer, in sorted order.

        Args:
            calls: by site.
            messages: as they travel, by site.
            timeout: seconds until a site that was called and hasn't replied has failed.
            patience: seconds to wait for sites that aren't connected.
        """
        ...


def report_failure(site: str, message: Broadcast, why: str) -> Response:
    """Gives what came of a call that failed on the way."""
    return Response(Reply(site, error=f"site {site}, round {message.round}: {why}"))


def report_late(site: str, message: Broadcast, timeout: float) -> Response:
    """Gives what came of a call that nobody answered in time."""
    return report_failure(site, message, f"no reply within {timeout:g} s (robust.timeout).")


def report_absent(site: str, message: Broadcast, patience: float) -> Response:
    """Gives what came of a call to a site that isn't there."""
    return report_failure(site, message, f"isn't connected (waited {patience:g} s).")
