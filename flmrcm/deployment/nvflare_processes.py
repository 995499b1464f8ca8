"""NVFlare's long-lived processes: the coordinator's server, a site's client."""

import json
import logging
import os
import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from flmrcm.deployment.certificates import check_coordinator, check_date, read_certificate
from flmrcm.deployment.children import Child, await_coordinator
from flmrcm.deployment.nvflare_home import AUTHORITY, HOUSE, connected, session
from flmrcm.deployment.places import COORDINATOR, settings_of
from flmrcm.deployment.probe import check_free, probe
from flmrcm.errors import FlmrcmError

log = logging.getLogger(__name__)

_STORED = "/tmp/nvflare"  # noqa: S108
"""Where NVFlare would keep its jobs; they're kept in the coordinator's folder instead."""


def check_startable(folder: Path) -> None:
    """Refuses a try-out that can't be started.

    Raises:
        FlmrcmError: NVFlare isn't installed, or a port is taken.
    """
    _require_nvflare()
    settings = settings_of(folder / "coordinator", "coordinator")
    check_free("127.0.0.1", settings["port"])
    check_free("127.0.0.1", settings["admin_port"])


def joined(folder: Path) -> set[str]:
    """Gives the sites that are connected to a running coordinator."""
    try:
        probe(f"127.0.0.1:{settings_of(folder, 'coordinator')['port']}", folder / AUTHORITY)
        with session(folder) as opened:
            return connected(opened)
    except FlmrcmError:
        return set()


def serve_coordinator(folder: Path) -> None:
    """Runs the coordinator's server until it's stopped.

    Raises:
        FlmrcmError: a bad certificate, a taken port, or the server ended by itself.
    """
    _require_nvflare()
    settings, startup = settings_of(folder, "coordinator"), folder / "server" / "startup"
    check_coordinator(startup / "server.crt", startup / "rootCA.pem")
    check_free(settings["listens_on"], settings["port"])
    check_free("127.0.0.1", settings["admin_port"])
    _keep_jobs_in(folder)
    words = _words("server.server_train", folder / "server", "fed_server.json")
    with Child(words, folder, {**os.environ, COORDINATOR: str(folder)}) as child:
        child.wait_for(f"127.0.0.1:{settings['port']}", folder / AUTHORITY)
        sites = ", ".join(settings["sites"])
        log.info("coordinator ready at %s for %s", settings["address"], sites)
        child.wait()
    if not child.stopped:
        raise FlmrcmError(f"{folder}: the server ended; {folder / 'log.txt'} tells why.")


def serve_site(folder: Path) -> None:
    """Runs a site's client until it's stopped, and again whenever it ends.

    Raises:
        FlmrcmError: a certificate that isn't one to trust.
    """
    _require_nvflare()
    house, startup = settings_of(folder, "site"), folder / "kit" / "startup"
    check_date(read_certificate(startup / "client.crt"), startup / "client.crt")
    name, address = house["site"], house["coordinator"]
    words = _words("client.client_train", folder / "kit", "fed_client.json", f"uid={name}")
    while True:
        await_coordinator(address, startup / "rootCA.pem")
        with Child(words, folder, {**os.environ, HOUSE: str(folder / "site.yaml")}) as child:
            log.info("site %s: calls %s", name, address)
            child.wait()
        if child.stopped:
            return
        again = house.get("restart_after", 10)
        log.warning("site %s: its client ended; again in %d s", name, again)
        time.sleep(again)


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
