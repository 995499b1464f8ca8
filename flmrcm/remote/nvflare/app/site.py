"""At a site: every call goes to the installed package, with the site's own file."""

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from threading import Lock

from nvflare.collab import collab

from flmrcm.logs import log_to_terminal
from flmrcm.remote.codec import Envelope, encode_response
from flmrcm.remote.connection import Response
from flmrcm.remote.nvflare.session import SITE_FILE
from flmrcm.remote.site_server import SiteServer
from flmrcm.remote.site_settings import read_site_settings
from flmrcm.types import Reply, Weights

log = logging.getLogger(__name__)

_COORDINATOR = "server"
"""NVFlare's name for the coordinator; it knows a caller by its certificate."""


class SiteEndpoint:
    """Answers one call after the other as long as the job lives.

    Args:
        config: of the run, as it travelled.
    """

    def __init__(self, config: str) -> None:
        self._config = config
        self._lock = Lock()
        self._server: SiteServer | None = None
        log_to_terminal()

    @collab.publish
    def is_alive(self) -> bool:
        """Return True: this process answers, even while it trains."""
        return True

    @collab.publish
    def answer(
        self, head: str, tensors: Mapping[str, Weights]
    ) -> tuple[str, Mapping[str, Weights]]:
        """Return the site's response; any failure is one line, never NVFlare's traceback."""
        name, caller = collab.site_name, collab.caller
        try:
            if caller != _COORDINATOR:  # NVFlare lets the clients of a job call each other
                raise PermissionError(caller)
            with self._lock:  # a call that came too late may still be at work
                self._server = self._server or _build_server(name)
                answer = self._server.answer(Envelope(head, tensors), self._config)
        except Exception:
            log.exception("site %s: a call from %s", name, caller)
            answer = encode_response(Response(Reply(name, error="failed")))
        return tuple(answer)


def _build_server(site: str) -> SiteServer:
    return SiteServer(read_site_settings(Path(os.environ[SITE_FILE].replace("{site}", site))))
