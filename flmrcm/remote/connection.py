"""How calls reach sites elsewhere: what every transport does, and what comes back."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from flmrcm.remote.call_header import CallHeader
from flmrcm.types import Broadcast, Reply


class Response(NamedTuple):
    """What comes back from a site.

    Attributes:
        reply: as it travels, or one line of error.
        memory_round: the round its memory is kept under; None where it has none.
        facts: of its data, where it joins.
    """

    reply: Reply
    memory_round: int | None = None
    facts: Mapping[str, Any] | None = None


class Transport(Protocol):
    """Carries calls to sites; it lives in the coordinator's process and knows who is who."""

    def send(
        self,
        calls: Mapping[str, CallHeader],
        messages: Mapping[str, Broadcast],
        timeout: float,
        patience: float,
    ) -> Iterator[Response]:
        """Return what sites respond, in sorted order.

        Args:
            calls: by site.
            messages: as they travel, by site.
            timeout: seconds until a site that was called and has not replied has failed.
            patience: seconds to wait for sites that are not connected.
        """
        ...


@dataclass(frozen=True)
class Connection:
    """A run's connection to its sites; only the coordinator's process has one.

    Attributes:
        transport: carries the calls.
        config_hash: of the travelling config.
        run_id: under which sites keep their private state.
    """

    transport: Transport
    config_hash: str
    run_id: str


def report_failure(site: str, message: Broadcast, why: str) -> Response:
    """Return the response of a call that failed on the way."""
    return Response(Reply(site, error=f"site {site}, round {message.round}: {why}"))


def report_late(site: str, message: Broadcast, timeout: float) -> Response:
    """Return the response of a call that nobody answered in time."""
    return report_failure(site, message, f"no reply within {timeout:g} s (robust.timeout).")


def report_absent(site: str, message: Broadcast, patience: float) -> Response:
    """Return the response of a call to a site that is not connected."""
    return report_failure(site, message, f"isn't connected (waited {patience:g} s).")
