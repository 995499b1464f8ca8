"""The common part of all deployments: a folder for each site, and the coordinator's."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import yaml

from flmrcm.errors import ConfigErrors, FlmrcmError, require
from flmrcm.remote.layout import PROGRAM
from flmrcm.remote.provision.readme import README

MOST_DAYS = 3650
LOOPBACK = ("127.0.0.1", "localhost")
_SETTINGS_HEAD = """\
# What a federation may use at this site. Only this site reads it; nothing in it is ever sent.
# Relative paths start at this file's folder. `data` takes `root: FOLDER` (a site made by
# `flmrcm prepare`), and `files`, `slices`, `foreground`, `sample_rate`, `phase_encoding`: no run
# says these; what is left out is as at every site.
"""
_POLICY = """\
# What this site allows, whatever a run wants; docs/site-policy.yaml shows every key.
# FL-MRCM with exchanged latents also needs `latents` among the payloads of its target.
operations: [join, survey, train, validate, test]
payloads: [weights, metrics, latents, control_change]
fewest_slices: 16    # an update must rest on so many training slices,
fewest_steps: 4      # and on so many optimizer steps;
fewest_volumes: 2    # a score on so many volumes
"""
_START = """\
#!/usr/bin/env bash
# Run it in an environment that has flmrcm[{via}]; it runs until it is stopped (Ctrl-C).
exec python3 -P -m {program} {role} "$(cd "$(dirname "$0")" && pwd)"
"""


@dataclass(frozen=True)
class Deployment(ABC):
    """A federation's parties, addresses and ports.

    Args:
        sites: name → the source of its data: `root`, or a `generator`.
        address: name or IP address at which sites reach the coordinator.
        port: of the coordinator, the only one that sites have to reach.
        days: until the coordinator's certificate expires.

    Attributes:
        via: the transport, as it is typed.
        carrier: the transport, as its makers write it.
        secrets: files that only their owner may have, for the README.

    Raises:
        ConfigErrors: a value outside its range.
    """

    via: ClassVar[str]
    carrier: ClassVar[str]
    secrets: ClassVar[str]

    sites: Mapping[str, Mapping[str, Any]]
    address: str = "127.0.0.1"
    port: int = 8000
    days: int = 360

    def __post_init__(self) -> None:
        require(
            {
                "port": (0 < self.port < 2**16, f"1 to 65535; got {self.port}."),
                "days": (1 <= self.days <= MOST_DAYS, f"1 to {MOST_DAYS}; got {self.days}."),
                "address": (bool(self.address.strip()), "a name or an IP address."),
            }
        )
        if not self.sites:
            raise ConfigErrors(["sites: name at least one."])

    @property
    def listens_on(self) -> str:
        """The coordinator's network interface: loopback for a try-out, else every one."""
        return "127.0.0.1" if self.address in LOOPBACK else "0.0.0.0"  # noqa: S104

    def write(self, folder: Path) -> None:
        """Write all folders.

        Raises:
            FlmrcmError: the folder is not empty: keys must never be overwritten.
        """
        if folder.exists() and any(folder.iterdir()):
            raise FlmrcmError(
                f"{folder}: isn't empty, and keys are never overwritten; name another."
            )
        self.write_identities(folder / "coordinator", {n: folder / "sites" / n for n in self.sites})
        write_party_file(
            folder / "coordinator" / "coordinator.yaml", _format_yaml(self.coordinator_settings())
        )
        self._write_start(folder / "coordinator", "coordinator")
        for count, name in enumerate(sorted(self.sites)):
            site = folder / "sites" / name
            write_party_file(
                site / "site.yaml", _SETTINGS_HEAD + _format_yaml(self.site_settings(name, count))
            )
            write_party_file(site / "policy.yaml", _POLICY)
            self._write_start(site, "site")
        write_party_file(folder / "README.md", self._format_readme())

    @abstractmethod
    def write_identities(self, coordinator: Path, sites: Mapping[str, Path]) -> None:
        """Write the keys and certificates by which the parties know each other.

        Args:
            coordinator: its folder.
            sites: their folders, by name.
        """

    def coordinator_settings(self) -> dict[str, Any]:
        """Return the coordinator's settings."""
        return {
            "via": self.via,
            "address": self.address,
            "listens_on": self.listens_on,
            "port": self.port,
        }

    def site_settings(self, name: str, count: int) -> dict[str, Any]:
        """Return a site's settings.

        Args:
            name: of the site.
            count: of the sites before it.
        """
        return {
            "site": name,
            "via": self.via,
            "coordinator": f"{self.address}:{self.port}",
            "data": dict(self.sites[name]),
            "policy": "policy.yaml",
            "memory": "memory",
            "compute": {"accelerator": "auto", "device": 0, "workers": 0},
            "threads": None,
        }

    def _write_start(self, folder: Path, role: str) -> None:
        write_party_file(
            folder / "start.sh", _START.format(via=self.via, program=PROGRAM, role=role)
        )
        (folder / "start.sh").chmod(0o755)

    def _format_readme(self) -> str:
        return README.format(
            via=self.via,
            carrier=self.carrier,
            secrets=self.secrets,
            address=f"{self.address}:{self.port}",
            port=self.port,
            days=self.days,
            first=min(self.sites),
        )


def write_party_file(path: Path, content: str | bytes, secret: bool = False) -> None:
    """Write a file and the folders above it; only its owner may read a secret one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # before the content: a secret is never readable by others, not even for a moment
    path.touch(mode=0o600 if secret else 0o644)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def _format_yaml(values: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(values), sort_keys=False, default_flow_style=None)
