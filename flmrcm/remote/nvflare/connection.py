"""Envelopes as arguments of NVFlare's calls: one call for each site, all at once."""

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from typing import Any

from nvflare.collab import CollabCallError
from nvflare.collab.api.exceptions import RunAborted

from flmrcm.errors import SiteFailed
from flmrcm.remote.codec import decode_response, encode_call, read_envelope
from flmrcm.remote.connection import (
    CallHeader,
    Response,
    report_absent,
    report_failure,
    report_late,
)
from flmrcm.remote.heads import EnvelopeError
from flmrcm.types import Broadcast

_LONGEST = 1e7
"""Seconds, four months: NVFlare cannot take `inf`."""

_CHECK_EVERY = 30.0
"""Seconds between two checks whether a working site still runs."""

_GONE = "its process is gone, or can't be reached any more."

_STOPPED = "the run was stopped, by hand or by NVFlare; every whole round is kept."


@dataclass(frozen=True)
class NVFlareTransport:
    """NVFlare's connection to the sites.

    Attributes:
        clients: NVFlare's proxies of the job's clients, by the name in their certificates.
    """

    clients: Mapping[str, Any]

    def send(
        self,
        calls: Mapping[str, CallHeader],
        messages: Mapping[str, Broadcast],
        timeout: float,
        patience: float,
    ) -> Iterator[Response]:
        """Return what sites respond, in sorted order; see `Transport`.

        Sites that are not connected were waited for before the job began.
        """
        pool = ThreadPoolExecutor(max(1, len(messages)))
        futures = {
            site: pool.submit(self._call_site, site, calls[site], messages[site], timeout)
            for site in sorted(messages.keys() & self.clients.keys())
        }
        try:
            for site in sorted(messages):
                if site in futures:
                    yield self._wait_for_site(site, futures[site], messages[site])
                else:
                    yield report_absent(site, messages[site], patience)
        finally:  # not waited for: a lost process would keep the run from ending
            pool.shutdown(wait=False, cancel_futures=True)

    def _wait_for_site(self, site: str, future: "Future[Response]", message: Broadcast) -> Response:
        """Return a call's response; NVFlare itself would wait for a process that is gone."""
        while True:
            try:
                return future.result(_CHECK_EVERY)
            except FutureTimeout:
                if not future.done() and not self._is_alive(site):
                    return report_failure(site, message, _GONE)

    def _is_alive(self, site: str) -> bool:
        try:
            return self.clients[site](timeout=_CHECK_EVERY).is_alive()
        except CollabCallError:
            return False

    def _call_site(
        self, site: str, call: CallHeader, message: Broadcast, timeout: float
    ) -> Response:
        head, tensors = encode_call(call, message)
        proxy = self.clients[site](timeout=min(timeout, _LONGEST))
        began = time.monotonic()
        try:
            answer = proxy.answer(head=head, tensors=dict(tensors))
            return decode_response(site, message.round, read_envelope(answer))
        except CollabCallError as error:
            timed_out = isinstance(error.cause, TimeoutError)
            # it may also mean a lost process, then long before the time-out
            if timed_out and time.monotonic() >= began + timeout:
                return report_late(site, message, timeout)
            why = " ".join(str(error.cause).split())[:200]
            return report_failure(site, message, _GONE if timed_out else f"{why} (from NVFlare)")
        except RunAborted:  # no failure of this site: a quorum must not tolerate it
            raise SiteFailed(_STOPPED) from None
        except EnvelopeError as error:
            return report_failure(site, message, f"its answer can't be read: {error}")
