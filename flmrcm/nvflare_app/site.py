"""At a site: every call goes to the installed package, with the house's own file."""

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from threading import Lock

from nvflare.collab import collab

from flmrcm.assembly.house import read_house
from flmrcm.deployment.nvflare_home import HOUSE
from flmrcm.engines.letters import Letter, answer_letter, read_call
from flmrcm.logs import log_to_terminal
from flmrcm.runs.at_site import Answer, Host
from flmrcm.types import Reply, Weights

log = logging.getLogger(__name__)

_COORDINATOR = "server"
"""What NVFlare calls it; it knows by certificate who calls."""


class Site:
    """Answers one call after the other as long as the job lives.

    Args:
        config: of the run, as it travelled.
    """

    def __init__(self, config: str) -> None:
        self._config = json.loads(config)
        self._hand = Lock()
        self._host: Host | None = None
        log_to_terminal()

    @collab.publish
    def here(self) -> bool:
        """Says that this process lives, whatever it's at."""
        return True

    @collab.publish
    def answer(
        self, head: str, tensors: Mapping[str, Weights]
    ) -> tuple[str, Mapping[str, Weights]]:
        """Gives the site's answer; whatever goes wrong is a line, never NVFlare's traceback."""
        name, caller = collab.site_name, collab.caller
        try:
            if caller != _COORDINATOR:
                raise PermissionError(caller)
            with self._hand:
                self._host = self._host or _host(name)
                given = self._host.answered(*read_call(Letter(head, tensors)), self._config)
        except Exception as error:
            log.exception("site %s: a call from %s", name, caller)
            why = f"site {name}: {type(error).__name__}; its own log tells more."
            given = Answer(Reply(name, error=why), {})
        return tuple(answer_letter(given.reply, given.kept, given.facts))


def _host(site: str) -> Host:
    return Host(read_house(Path(os.environ[HOUSE].replace("{site}", site))))
