"""NVFlare's long-running processes: the coordinator's server, a site's client."""

import json
import logging
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from flmrcm.errors import FlmrcmError
from flmrcm.remote.layout import COORDINATOR
from flmrcm.remote.nvflare.session import (
    AUTHORITY,
    SITE_FILE,
    NVFlareSettings,
    list_connected,
    open_session,
)
from flmrcm.remote.provision.certificates import check_certificate, check_date, read_certificate
from flmrcm.remote.provision.probe import check_port_free, is_answering
from flmrcm.remote.provision.processes import ChildProcess, wait_for_coordinator
from flmrcm.remote.provision.settings import (
    NodeSettings,
    read_coordinator_settings,
    read_node_settings,
)

log = logging.getLogger(__name__)

_STORED = "/tmp/nvflare"  # noqa: S108
"""NVFlare's own folder of jobs; they are kept in the coordinator's folder instead."""


@dataclass(frozen=True, kw_only=True)
class NVFlareNode(NodeSettings):
    """The settings of a site's client in `site.yaml`.

    Args:
        restart_after: seconds until a client that ended is started again.
    """

    restart_after: float = 10


def check_ready(folder: Path) -> None:
    """Raise an error where a try-out cannot start.

    Raises:
        FlmrcmError: NVFlare is not installed, or a port is taken.
    """
    _require_nvflare()
    settings = read_coordinator_settings(folder / "coordinator", NVFlareSettings)
    check_port_free("127.0.0.1", settings.port)
    check_port_free("127.0.0.1", settings.admin_port)


def is_ready(folder: Path) -> bool:
    """Return whether a deployment's coordinator answers."""
    coordinator = folder / "coordinator"
    port = read_coordinator_settings(coordinator, NVFlareSettings).port
    return is_answering(f"127.0.0.1:{port}", coordinator / AUTHORITY)


def has_joined(folder: Path, site: str) -> bool:
    """Return whether a deployment's site is connected."""
    try:
        with open_session(folder / "coordinator") as opened:
            return site in list_connected(opened)
    except FlmrcmError:
        return False


def serve_coordinator(folder: Path) -> None:
    """Run the coordinator's server until it is stopped.

    Raises:
        FlmrcmError: a bad certificate, a taken port, or the server ended by itself.
    """
    _require_nvflare()
    settings, startup = (
        read_coordinator_settings(folder, NVFlareSettings),
        folder / "server" / "startup",
    )
    check_certificate(startup / "server.crt", startup / "rootCA.pem")
    check_port_free(settings.listens_on, settings.port)
    check_port_free("127.0.0.1", settings.admin_port)
    _keep_jobs_in(folder)
    words = _build_command("server.server_train", folder / "server", "fed_server.json")
    with ChildProcess(words, folder, {**os.environ, COORDINATOR: str(folder)}) as child:
        child.wait_for(lambda: is_answering(f"127.0.0.1:{settings.port}", folder / AUTHORITY))
        log.info("coordinator ready at %s for %s", settings.address, ", ".join(settings.sites))
        child.wait()
    if not child.stopped:
        raise FlmrcmError(f"{folder}: the server ended; {folder / 'log.txt'} says why.")


def serve_site(folder: Path) -> None:
    """Run a site's client until it is stopped, and again whenever it ends.

    Raises:
        FlmrcmError: a certificate that cannot be trusted.
    """
    _require_nvflare()
    own, startup = read_node_settings(folder, NVFlareNode), folder / "kit" / "startup"
    check_date(read_certificate(startup / "client.crt"), startup / "client.crt")
    words = _build_command(
        "client.client_train", folder / "kit", "fed_client.json", f"uid={own.site}"
    )
    while True:
        wait_for_coordinator(own.coordinator, startup / "rootCA.pem")
        with ChildProcess(
            words, folder, {**os.environ, SITE_FILE: str(folder / "site.yaml")}
        ) as child:
            log.info("site %s: calls %s", own.site, own.coordinator)
            child.wait()
        if child.stopped:
            return
        log.warning("site %s: its client ended; again in %g s", own.site, own.restart_after)
        time.sleep(own.restart_after)  # a client that fails at once must not restart in a loop


def _build_command(program: str, kit: Path, startup: str, *more: str) -> Sequence[object]:
    return [
        sys.executable, "-P", "-u", "-m", f"nvflare.private.fed.app.{program}", "-m", kit,
        "-s", startup, "--set", "secure_train=true", "org=flmrcm", "config_folder=config", *more,
    ]  # fmt: skip


def _keep_jobs_in(folder: Path) -> None:
    """Have the server keep its jobs below a folder, wherever it has been moved."""
    local = folder / "server" / "local"
    text = (local / "resources.json.default").read_text()
    (local / "resources.json").write_text(text.replace(_STORED, json.dumps(str(folder))[1:-1]))


def _require_nvflare() -> None:
    if find_spec("nvflare") is None:
        raise FlmrcmError(
            "nvflare: isn't installed; pip install 'flmrcm[nvflare]' -c "
            "constraints-deployment.txt, in an environment of its own."
        )
