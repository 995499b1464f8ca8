"""Letters out, letters back: a call of NVFlare's for each site, all at once."""

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from typing import Any

from nvflare.collab import CollabCallError
from nvflare.collab.api.exceptions import RunAborted

from flmrcm.errors import SiteFailed
from flmrcm.remote.call_header import CallHeader
from flmrcm.remote.codec import Envelope, decode_response, encode_call
from flmrcm.remote.connection import Response, report_absent, report_failure, report_late
from flmrcm.types import Broadcast

_LONGEST = 1e7
"""Seconds, four months: NVFlare takes no `inf`."""

_KNOCKS_AGAIN = 30.0
"""Seconds between two looks whether a site that's at work is still there, and for its answer."""

_GONE = "its process is gone, or can't be reached any more."

_STOPPED = "the run was stopped, by hand or by NVFlare; every whole round is kept."


@dataclass(frozen=True)
class NVFlareTransport:
    """NVFlare's way to the sites.

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
        """Gives what sites answer, in sorted order; see `Transport`.

        Who isn't connected was waited for before the job began.
        """
        pool = ThreadPoolExecutor(max(1, len(messages)))
        coming = {
            site: pool.submit(self._call_site, site, calls[site], messages[site], timeout)
            for site in sorted(messages.keys() & self.clients.keys())
        }
        try:
            for site in sorted(messages):
                if site in coming:
                    yield self._wait_for_site(site, coming[site], messages[site])
                else:
                    yield report_absent(site, messages[site], patience)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _wait_for_site(self, site: str, coming: "Future[Response]", message: Broadcast) -> Response:
        """Gives what comes of a call; NVFlare itself would wait for a process that's gone."""
        while True:
            try:
                return coming.result(_KNOCKS_AGAIN)
            except FutureTimeout:
                if not coming.done() and not self._is_alive(site):
                    return report_failure(site, message, _GONE)

    def _is_alive(self, site: str) -> bool:
        try:
            return self.clients[site](timeout=_KNOCKS_AGAIN).is_alive()
        except CollabCallError:
            return False

    def _call_site(
        self, site: str, call: CallHeader, message: Broadcast, timeout: float
    ) -> Response:
        head, tensors = encode_call(call, message)
        proxy = self.clients[site](timeout=min(timeout, _LONGEST))
        began = time.monotonic()
        try:
            return decode_response(site, Envelope(*proxy.answer(head=head, tensors=dict(tensors))))
        except CollabCallError as error:
            gave_up = isinstance(error.cause, TimeoutError)
            if gave_up and time.monotonic() >= began + timeout:
                return report_late(site, message, timeout)
            why = " ".join(str(error.cause).split())[:200]
            return report_failure(site, message, _GONE if gave_up else f"{why} (from NVFlare)")
        except RunAborted:
            raise SiteFailed(_STOPPED) from None
        except (KeyError, TypeError, ValueError) as error:
            return report_failure(
                site, message, f"no answer of ours came ({type(error).__name__})."
            )
