"""Flower's long-lived processes: the coordinator's SuperLink, a site's SuperNode."""

import json
import logging
import sys
import time
from pathlib import Path

from flmrcm.deployment.certificates import check_coordinator
from flmrcm.deployment.children import Child, await_coordinator
from flmrcm.deployment.flower_home import environment, tool, write_home
from flmrcm.deployment.places import COORDINATOR, settings_of
from flmrcm.deployment.probe import check_free
from flmrcm.deployment.register import NODES, registered
from flmrcm.errors import FlmrcmError

log = logging.getLogger(__name__)


def check_startable(folder: Path) -> None:
    """Refuses a try-out that can't be started.

    Raises:
        FlmrcmError: Flower isn't installed, or a port is taken.
    """
    tool("flower-superlink")
    check_free("127.0.0.1", settings_of(folder / "coordinator", "coordinator")["port"])
    for site in sorted((folder / "sites").iterdir()):
        check_free("127.0.0.1", settings_of(site, "site")["port"])


def joined(folder: Path) -> set[str]:
    """Gives the sites that a running coordinator knows."""
    nodes = folder / NODES
    return set(json.loads(nodes.read_text())) if nodes.exists() else set()


def serve_coordinator(folder: Path) -> None:
    """Runs the coordinator's SuperLink until it's stopped.

    Raises:
        FlmrcmError: a bad certificate, a taken port, or the SuperLink ended by itself.
    """
    settings = settings_of(folder, "coordinator")
    check_coordinator(folder / "server.crt", folder / "ca.crt")
    host, port = settings["listens_on"], settings["port"]
    check_free(host, port)
    write_home(folder, f"127.0.0.1:{port}")
    words = [
        "--ssl-ca-certfile", folder / "ca.crt", "--ssl-certfile", folder / "server.crt",
        "--ssl-keyfile", folder / "server.key", "--enable-supernode-auth",
        "--disable-runtime-dependency-installation", "--database", folder / "state.db",
        "--host", host, "--port", port,
    ]  # fmt: skip
    own = {**environment(folder), COORDINATOR: str(folder)}
    with Child([tool("flower-superlink"), *words], folder, own) as child:
        child.wait_for(f"127.0.0.1:{port}", folder / "ca.crt")
        sites = registered(folder)
        log.info("coordinator ready at %s for %s", settings["address"], ", ".join(sorted(sites)))
        child.wait()
    if not child.stopped:
        raise FlmrcmError(f"{folder}: the SuperLink ended; {folder / 'log.txt'} tells why.")


def serve_site(folder: Path) -> None:
    """Runs a site's SuperNode until it's stopped, and again whenever it ends.

    Raises:
        FlmrcmError: the coordinator's certificate isn't one to trust, or a port is taken.
    """
    house, own = settings_of(folder, "site"), environment(folder)
    address, port = house["coordinator"], house["port"]
    if not (folder / "node.key").exists():
        raise FlmrcmError(f"{folder / 'node.key'}: isn't there; it comes with the deployment.")
    check_free("127.0.0.1", port)
    words = [
        "--root-certificates", folder / "ca.crt", "--superlink", address, "--port", port,
        "--auth-supernode-private-key", folder / "node.key",
        "--node-config", f'house="{folder / "site.yaml"}"',
    ]  # fmt: skip
    node = [tool("flower-supernode"), *words]
    resident = [sys.executable, "-P", "-m", "flmrcm.flower_app.resident", folder / "site.yaml"]
    while True:
        await_coordinator(address, folder / "ca.crt")
        with Child(resident, folder, own), Child(node, folder, own) as child:
            log.info("site %s: calls %s", house["site"], address)
            child.wait()
        if child.stopped:
            return
        again = house.get("restart_after", 60)  # sooner, and the coordinator still counts the last
        log.warning("site %s: its SuperNode ended; again in %d s", house["site"], again)
        time.sleep(again)
