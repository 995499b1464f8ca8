"""NVFlare's long-lived processes: the coordinator's server, a site's client."""

import json
import logging
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from flmrcm.deployment.certificates import check_coordinator, check_date, read_certificate
from flmrcm.deployment.children import Child, await_coordinator
from flmrcm.deployment.nvflare_home import (
    AUTHORITY,
    HOUSE,
    NVFlareSettings,
    connected,
    session,
)
from flmrcm.deployment.places import COORDINATOR
from flmrcm.deployment.probe import answers, check_free
from flmrcm.deployment.settings import NodeSettings, read_coordinator, read_node
from flmrcm.errors import FlmrcmError

log = logging.getLogger(__name__)

_STORED = "/tmp/nvflare"  # noqa: S108
"""Where NVFlare would keep its jobs; they're kept in the coordinator's folder instead."""


@dataclass(frozen=True, kw_only=True)
class NVFlareNode(NodeSettings):
    """What `site.yaml` says of a site's client.

    Args:
        restart_after: seconds until a client that ended is started again.
    """

    restart_after: float = 10


def make_ready(folder: Path) -> None:
    """Checks that a try-out can start.

    Raises:
        FlmrcmError: NVFlare isn't installed, or a port is taken.
    """
    _require_nvflare()
    settings = read_coordinator(folder / "coordinator", NVFlareSettings)
    check_free("127.0.0.1", settings.port)
    check_free("127.0.0.1", settings.admin_port)


def is_ready(folder: Path) -> bool:
    """Tells whether a deployment's coordinator answers."""
    coordinator = folder / "coordinator"
    port = read_coordinator(coordinator, NVFlareSettings).port
    return answers(f"127.0.0.1:{port}", coordinator / AUTHORITY)


def has_joined(folder: Path, site: str) -> bool:
    """Tells whether a deployment's site is connected."""
    try:
        with session(folder / "coordinator") as opened:
            return site in connected(opened)
    except FlmrcmError:
        return False


def serve_coordinator(folder: Path) -> None:
    """Runs the coordinator's server until it's stopped.

    Raises:
        FlmrcmError: a bad certificate, a taken port, or the server ended by itself.
    """
    _require_nvflare()
    settings, startup = read_coordinator(folder, NVFlareSettings), folder / "server" / "startup"
    check_coordinator(startup / "server.crt", startup / "rootCA.pem")
    check_free(settings.listens_on, settings.port)
    check_free("127.0.0.1", settings.admin_port)
    _keep_jobs_in(folder)
    words = _words("server.server_train", folder / "server", "fed_server.json")
    with Child(words, folder, {**os.environ, COORDINATOR: str(folder)}) as child:
        child.wait_for(lambda: answers(f"127.0.0.1:{settings.port}", folder / AUTHORITY))
        log.info("coordinator ready at %s for %s", settings.address, ", ".join(settings.sites))
        child.wait()
    if not child.stopped:
        raise FlmrcmError(f"{folder}: the server ended; {folder / 'log.txt'} tells why.")


def serve_site(folder: Path) -> None:
    """Runs a site's client until it's stopped, and again whenever it ends.

    Raises:
        FlmrcmError: a certificate that isn't one to trust.
    """
    _require_nvflare()
    own, startup = read_node(folder, NVFlareNode), folder / "kit" / "startup"
    check_date(read_certificate(startup / "client.crt"), startup / "client.crt")
    words = _words("client.client_train", folder / "kit", "fed_client.json", f"uid={own.site}")
    while True:
        await_coordinator(own.coordinator, startup / "rootCA.pem")
        with Child(words, folder, {**os.environ, HOUSE: str(folder / "site.yaml")}) as child:
            log.info("site %s: calls %s", own.site, own.coordinator)
            child.wait()
        if child.stopped:
            return
        log.warning("site %s: its client ended; again in %g s", own.site, own.restart_after)
        time.sleep(own.restart_after)


def _words(program: str, kit: Path, startup: str, *more: str) -> Sequence[object]:
    return [
        sys.executable, "-P", "-u", "-m", f"nvflare.private.fed.app.{program}", "-m", kit,
        "-s", startup, "--set", "secure_train=true", "org=flmrcm", "config_folder=config", *more,
    ]  # fmt: skip


def _keep_jobs_in(folder: Path) -> None:
    """Has the server keep its jobs below a folder, wherever that has been moved to."""
    local = folder / "server" / "local"
    text = (local / "resources.json.default").read_text()
    (local / "resources.json").write_text(text.replace(_STORED, json.dumps(str(folder))[1:-1]))


def _require_nvflare() -> None:
    if find_spec("nvflare") is None:
        raise FlmrcmError(
            "nvflare: isn't installed; pip install 'flmrcm[nvflare]' -c "
            "constraints-deployment.txt, in an environment of its own."
        )
