"""Flower's long-running processes: the coordinator's SuperLink, a site's SuperNode and daemon."""

import json
import logging
import shutil
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flmrcm.errors import FlmrcmError, require
from flmrcm.remote.flower.command_line import (
    DAEMON,
    SITE_FILE,
    build_environment,
    find_program,
    write_client_program,
    write_connection,
)
from flmrcm.remote.flower.node_registry import NODES, register_keys
from flmrcm.remote.layout import COORDINATOR
from flmrcm.remote.provision.certificates import check_certificate
from flmrcm.remote.provision.probe import check_port_free, is_answering
from flmrcm.remote.provision.processes import ChildProcess, wait_for_coordinator
from flmrcm.remote.provision.settings import (
    NodeSettings,
    check_port,
    read_coordinator_settings,
    read_node_settings,
)

log = logging.getLogger(__name__)

_REFUSED = "[code: 2004]"
"""Flower's output where a key is unknown, unregistered, or its last node counts as connected."""


@dataclass(frozen=True, kw_only=True)
class FlowerNode(NodeSettings):
    """The settings of a SuperNode in `site.yaml`.

    Args:
        port: of the site's own processes, on its loopback.
        restart_after: seconds; before that the coordinator counts the last node as connected.
    """

    port: int
    restart_after: float = 60

    def __post_init__(self) -> None:
        require({"port": check_port(self.port)})
        super().__post_init__()


def check_ready(folder: Path) -> None:
    """Raise an error where a try-out cannot start; delete addresses that an earlier one left.

    Raises:
        FlmrcmError: Flower is not installed, or a port is taken.
    """
    find_program("flower-superlink")
    check_port_free("127.0.0.1", read_coordinator_settings(folder / "coordinator").port)
    for site in sorted((folder / "sites").iterdir()):
        check_port_free("127.0.0.1", read_node_settings(site, FlowerNode).port)
        (site / DAEMON).unlink(missing_ok=True)


def is_ready(folder: Path) -> bool:
    """Return whether a deployment's coordinator has registered every key of its folder."""
    nodes, keys = folder / "coordinator" / NODES, (folder / "coordinator" / "sites").glob("*.pub")
    return nodes.exists() and json.loads(nodes.read_text()).keys() >= {key.stem for key in keys}


def has_joined(folder: Path, site: str) -> bool:
    """Return whether a deployment's site is ready to be called."""
    return (folder / "sites" / site / DAEMON).exists()


def serve_coordinator(folder: Path) -> None:
    """Run the coordinator's SuperLink until it is stopped.

    Raises:
        FlmrcmError: a bad certificate, a taken port, or the SuperLink ended by itself.
    """
    program, settings = find_program("flower-superlink"), read_coordinator_settings(folder)
    check_certificate(folder / "server.crt", folder / "ca.crt")
    host, port = settings.listens_on, settings.port
    check_port_free(host, port)
    write_connection(folder, f"127.0.0.1:{port}")
    words = [
        program, "--ssl-ca-certfile", folder / "ca.crt", "--ssl-certfile", folder / "server.crt",
        "--ssl-keyfile", folder / "server.key", "--enable-supernode-auth",
        "--disable-runtime-dependency-installation", "--database", folder / "state.db",
        "--host", host, "--port", port,
    ]  # fmt: skip
    with ChildProcess(
        words, folder, {**build_environment(folder), COORDINATOR: str(folder)}
    ) as child:
        if child.wait_for(lambda: is_answering(f"127.0.0.1:{port}", folder / "ca.crt")):
            sites = ", ".join(sorted(register_keys(folder)))
            log.info("coordinator ready at %s for %s", settings.address, sites)
            child.wait()
    if not child.stopped:
        raise FlmrcmError(f"{folder}: the SuperLink ended; {folder / 'log.txt'} says why.")


def serve_site(folder: Path) -> None:
    """Run a site's SuperNode until it is stopped, and again whenever it ends.

    Raises:
        FlmrcmError: the coordinator's certificate cannot be trusted, a port is taken, or the site's
            own file has a wrong value.
    """
    program, own = find_program("flower-supernode"), read_node_settings(folder, FlowerNode)
    if not (folder / "node.key").exists():
        raise FlmrcmError(f"{folder / 'node.key'}: isn't there; it comes with the deployment.")
    check_port_free("127.0.0.1", own.port)
    words = [
        program, "--root-certificates", folder / "ca.crt", "--superlink", own.coordinator,
        "--auth-supernode-private-key", folder / "node.key", "--port", own.port,
        "--node-config", f'{SITE_FILE}="{folder / "site.yaml"}"',
    ]  # fmt: skip
    environment, programs = build_environment(folder), write_client_program(folder)
    while True:
        wait_for_coordinator(own.coordinator, folder / "ca.crt")
        with _run_daemon(folder), ChildProcess(words, folder, environment, programs) as child:
            log.info("site %s: calls %s", own.site, own.coordinator)
            child.wait()
        if child.stopped:
            return
        why = "its SuperNode ended"
        if _REFUSED in child.output:
            why = "the coordinator doesn't take its key (unknown, struck, or still in use)"
        log.warning("site %s: %s; again in %g s", own.site, why, own.restart_after)
        time.sleep(own.restart_after)


@contextmanager
def _run_daemon(folder: Path) -> Generator[None]:
    """Run a site's daemon; the block begins when it answers calls.

    Raises:
        FlmrcmError: it ended, as it does where the site's file has a wrong value.
    """
    address = folder / DAEMON
    address.unlink(missing_ok=True)  # otherwise an old one would look like a ready daemon
    words = [sys.executable, "-P", "-m", "flmrcm.remote.flower.app.site", folder / "site.yaml"]
    try:
        with ChildProcess(words, folder, build_environment(folder)) as child:
            if not child.wait_for(address.exists):
                if child.stopped:
                    sys.exit()
                raise FlmrcmError(child.output or f"{folder}: its daemon ended.")
            yield
    finally:
        remove_socket(address)


def remove_socket(address: Path) -> None:
    """Delete the folder of a daemon's socket, which one that was killed has left.

    Args:
        address: the file in which the daemon said where it listens; there may be none.
    """
    if address.exists():
        place = Path(json.loads(address.read_text())["address"]).parent
        shutil.rmtree(place, ignore_errors=True)
