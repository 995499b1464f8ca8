"""The settings of a party's processes, in its own file: addresses and ports."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TypeVar

from flmrcm.config.settings_file import build_from_file
from flmrcm.errors import require
from flmrcm.remote.layout import SETTINGS, read_party_settings


@dataclass(frozen=True, kw_only=True)
class CoordinatorSettings:
    """The settings in `coordinator.yaml`.

    Args:
        via: the transport.
        address: name or IP address at which sites reach the coordinator.
        listens_on: IP address of the interface; 0.0.0.0 is every one.
        port: on which it listens.

    Raises:
        ConfigErrors: a value outside its range.
    """

    via: str
    address: str
    listens_on: str
    port: int

    def __post_init__(self) -> None:
        require({"port": check_port(self.port)})


@dataclass(frozen=True, kw_only=True)
class NodeSettings:
    """The settings of a site's processes in `site.yaml`; the rest are those of `SiteSettings`.

    Args:
        site: its name.
        coordinator: host:port.
        restart_after: seconds until a process that ended is started again.

    Raises:
        ConfigErrors: a value outside its range.
    """

    site: str
    coordinator: str
    restart_after: float

    def __post_init__(self) -> None:
        host, _, port = self.coordinator.rpartition(":")
        known = bool(host) and port.isdigit() and check_port(int(port))[0]
        wait = self.restart_after
        require(
            {
                "coordinator": (known, f"HOST:PORT; got {self.coordinator}."),
                "restart_after": (wait >= 0, f"0 seconds or more; got {wait}."),
            }
        )


C = TypeVar("C", bound=CoordinatorSettings)
N = TypeVar("N", bound=NodeSettings)


def read_coordinator_settings(folder: Path, kind: type[C] = CoordinatorSettings) -> C:
    """Return the settings in a coordinator's folder.

    Raises:
        FlmrcmError: it is not a coordinator's folder, or its file has a wrong value.
    """
    settings = read_party_settings(folder, "coordinator")
    return build_from_file(folder / SETTINGS["coordinator"], kind, settings)


def read_node_settings(folder: Path, kind: type[N]) -> N:
    """Return the settings of a site's processes.

    Raises:
        FlmrcmError: it is not a site's folder, or its file has a wrong value.
    """
    names = {field.name for field in fields(kind)}
    own = {key: value for key, value in read_party_settings(folder, "site").items() if key in names}
    return build_from_file(folder / SETTINGS["site"], kind, own)


def check_port(port: int) -> tuple[bool, str]:
    """Return whether a number can be a port's, and the line that says what can."""
    return 0 < port < 2**16, f"1 to 65535; got {port}."
