"""What a party's own file says of its processes: where they listen, whom they call."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from flmrcm.assembly.own_file import described, read_settings
from flmrcm.errors import FlmrcmError, require


@dataclass(frozen=True)
class CoordinatorSettings:
    """What `coordinator.yaml` says.

    Args:
        address: name or IP address at which sites reach the coordinator.
        listens_on: IP address of the interface; 0.0.0.0 is every one.
        port: it listens on.

    Raises:
        ConfigErrors: a value outside its range.
    """

    address: str
    listens_on: str
    port: int

    def __post_init__(self) -> None:
        require({"port": _is_port(self.port)})


@dataclass(frozen=True)
class NodeSettings:
    """What `site.yaml` says of the site's processes; the rest of it is the house's.

    Args:
        site: its name.
        coordinator: host:port.
        port: on which its own processes meet, on its loopback.
        restart_after: seconds until a SuperNode that ended is started again; sooner, and the
            coordinator still counts the last one as there.

    Raises:
        ConfigErrors: a value outside its range.
    """

    site: str
    coordinator: str
    port: int
    restart_after: float = 60

    def __post_init__(self) -> None:
        host, _, port = self.coordinator.rpartition(":")
        known = bool(host) and port.isdigit() and _is_port(int(port))[0]
        require(
            {
                "port": _is_port(self.port),
                "coordinator": (known, f"HOST:PORT; got {self.coordinator}."),
                "restart_after": (
                    self.restart_after >= 0,
                    f"0 seconds or more; got {self.restart_after}.",
                ),
            }
        )


def read_coordinator(folder: Path) -> CoordinatorSettings:
    """Gives what a coordinator's folder says.

    Raises:
        FlmrcmError: the folder is none, or its file says what can't be.
    """
    path = folder / "coordinator.yaml"
    return described(path, CoordinatorSettings, _settings(path))


def read_node(folder: Path) -> NodeSettings:
    """Gives what a site's folder says of its processes.

    Raises:
        FlmrcmError: the folder is none, or its file says what can't be.
    """
    path, names = folder / "site.yaml", {field.name for field in fields(NodeSettings)}
    own = {key: value for key, value in _settings(path).items() if key in names}
    return described(path, NodeSettings, own)


def _settings(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise FlmrcmError(f"{path}: isn't there; name a folder that `flmrcm deploy` made.")
    return read_settings(path)


def _is_port(port: int) -> tuple[bool, str]:
    return 0 < port < 2**16, f"1 to 65535; got {port}."
