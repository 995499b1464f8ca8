"""Flower's long-lived processes: the coordinator's SuperLink, a site's SuperNode."""

import json
import logging
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flmrcm.deployment.certificates import check_coordinator
from flmrcm.deployment.children import Child, await_coordinator
from flmrcm.deployment.flower_home import RESIDENT, environment, tool, write_home
from flmrcm.deployment.places import COORDINATOR
from flmrcm.deployment.probe import answers, check_free
from flmrcm.deployment.register import NODES, registered
from flmrcm.deployment.settings import NodeSettings, is_port, read_coordinator, read_node
from flmrcm.errors import FlmrcmError, require

log = logging.getLogger(__name__)

_TURNED_AWAY = "[code: 2004]"
"""Flower's: the key isn't registered, was struck, or its last node still counts as there."""


@dataclass(frozen=True, kw_only=True)
class FlowerNode(NodeSettings):
    """What `site.yaml` says of a SuperNode.

    Args:
        port: on which the site's own processes meet, on its loopback.
        restart_after: seconds; sooner, and the coordinator still counts the last node as there.
    """

    port: int
    restart_after: float = 60

    def __post_init__(self) -> None:
        require({"port": is_port(self.port)})
        super().__post_init__()


def make_ready(folder: Path) -> None:
    """Checks that a try-out can start, and clears what an earlier one left.

    Raises:
        FlmrcmError: Flower isn't installed, or a port is taken.
    """
    tool("flower-superlink")
    check_free("127.0.0.1", read_coordinator(folder / "coordinator").port)
    for site in sorted((folder / "sites").iterdir()):
        check_free("127.0.0.1", read_node(site, FlowerNode).port)
        (site / RESIDENT).unlink(missing_ok=True)


def is_ready(folder: Path) -> bool:
    """Tells whether a deployment's coordinator knows every key that lies there."""
    nodes, keys = folder / "coordinator" / NODES, (folder / "coordinator" / "sites").glob("*.pub")
    return nodes.exists() and json.loads(nodes.read_text()).keys() >= {key.stem for key in keys}


def has_joined(folder: Path, site: str) -> bool:
    """Tells whether a deployment's site is ready to be called."""
    return (folder / "sites" / site / RESIDENT).exists()


def serve_coordinator(folder: Path) -> None:
    """Runs the coordinator's SuperLink until it's stopped.

    Raises:
        FlmrcmError: a bad certificate, a taken port, or the SuperLink ended by itself.
    """
    program, settings = tool("flower-superlink"), read_coordinator(folder)
    check_coordinator(folder / "server.crt", folder / "ca.crt")
    host, port = settings.listens_on, settings.port
    check_free(host, port)
    write_home(folder, f"127.0.0.1:{port}")
    words = [
        program, "--ssl-ca-certfile", folder / "ca.crt", "--ssl-certfile", folder / "server.crt",
        "--ssl-keyfile", folder / "server.key", "--enable-supernode-auth",
        "--disable-runtime-dependency-installation", "--database", folder / "state.db",
        "--host", host, "--port", port,
    ]  # fmt: skip
    with Child(words, folder, {**environment(folder), COORDINATOR: str(folder)}) as child:
        if child.wait_for(lambda: answers(f"127.0.0.1:{port}", folder / "ca.crt")):
            sites = ", ".join(sorted(registered(folder)))
            log.info("coordinator ready at %s for %s", settings.address, sites)
            child.wait()
    if not child.stopped:
        raise FlmrcmError(f"{folder}: the SuperLink ended; {folder / 'log.txt'} tells why.")


def serve_site(folder: Path) -> None:
    """Runs a site's SuperNode until it's stopped, and again whenever it ends.

    Raises:
        FlmrcmError: the coordinator's certificate isn't one to trust, a port is taken, or the
            site's own file says what can't be.
    """
    program, own = tool("flower-supernode"), read_node(folder, FlowerNode)
    if not (folder / "node.key").exists():
        raise FlmrcmError(f"{folder / 'node.key'}: isn't there; it comes with the deployment.")
    check_free("127.0.0.1", own.port)
    words = [
        program, "--root-certificates", folder / "ca.crt", "--superlink", own.coordinator,
        "--auth-supernode-private-key", folder / "node.key", "--port", own.port,
        "--node-config", f'house="{folder / "site.yaml"}"',
    ]  # fmt: skip
    while True:
        await_coordinator(own.coordinator, folder / "ca.crt")
        with _resident(folder), Child(words, folder, environment(folder)) as child:
            log.info("site %s: calls %s", own.site, own.coordinator)
            child.wait()
        if child.stopped:
            return
        why = "its SuperNode ended"
        if _TURNED_AWAY in child.said:
            why = "the coordinator doesn't take its key (unknown, struck, or still in use)"
        log.warning("site %s: %s; again in %g s", own.site, why, own.restart_after)
        time.sleep(own.restart_after)


@contextmanager
def _resident(folder: Path) -> Generator[None]:
    """Runs a site's resident process; the block begins when it's ready to be called.

    Raises:
        FlmrcmError: it ended, as it does where the file says what can't be.
    """
    place = folder / RESIDENT
    place.unlink(missing_ok=True)
    words = [sys.executable, "-P", "-m", "flmrcm.flower_app.resident", folder / "site.yaml"]
    with Child(words, folder, environment(folder)) as child:
        if not child.wait_for(place.exists):
            if child.stopped:
                sys.exit()
            raise FlmrcmError(child.said or f"{folder}: its resident process ended.")
        yield
