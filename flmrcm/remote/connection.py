"""A run's connection to sites elsewhere: what a call says, what comes back, what carries both."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from flmrcm.federation.engine import Operation
from flmrcm.federation.site_facts import SiteFacts
from flmrcm.types import Broadcast, Reply


@dataclass(frozen=True)
class CallHeader:
    """What a site has to know besides the message, since it remembers nothing between calls.

    Attributes:
        op: an operation, or `join`: send facts about your data.
        version: of the coordinator's package.
        config_hash: of the travelling config, as the coordinator computes it.
        run_id: under which the site keeps its private state.
        memory_round: the round its memory was last written in; None before its first.
        kept_rounds: rounds whose memory may be needed again.
        epochs: over its data, when it trains.
        steps: optimizer steps; None means whole epochs.
        splits: it has to have, when it joins.
    """

    op: Operation | Literal["join"]
    version: str
    config_hash: str
    run_id: str
    memory_round: int | None = None
    kept_rounds: Sequence[int] = ()
    epochs: int = 1
    steps: int | None = None
    splits: Sequence[str] = ()


class Response(NamedTuple):
    """What comes back from a site.

    Attributes:
        reply: as it travels, or one line of error.
        memory_round: the round its memory is kept under; None where it has none.
        facts: of its data, where it joins.
    """

    reply: Reply
    memory_round: int | None = None
    facts: SiteFacts | None = None


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
