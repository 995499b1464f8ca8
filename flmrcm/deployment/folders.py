"""What a deployment writes: a folder for each site to take home, and the coordinator's."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile
from typing import Any

import yaml

from flmrcm.deployment.certificates import certified, key_pair
from flmrcm.deployment.readme import README
from flmrcm.errors import ConfigErrors, FlmrcmError, require

_LOOPBACK = ("127.0.0.1", "localhost")
_HOUSE_HEAD = """\
# What a federation may use at this site. Only this site reads it; nothing in it is ever sent.
# Relative paths start at this file's folder. `data` takes `root: FOLDER` (a site made by
# `flmrcm prepare`), and `files`, `slices`, `foreground` where they differ from the run's.
"""
_POLICY = """\
# What this site allows, whatever a run asks; docs/house-policy.yaml shows every key.
# FL-MRCM with exchanged latents also needs `latents` among the payloads of its target.
operations: [survey, train, evaluate, judge]
payloads: [weights, metrics, latents, control_change]
"""
_START = """\
#!/usr/bin/env bash
# Run it in an environment that has flmrcm[flower]; it stays until it's stopped (Ctrl-C).
exec python3 -P -m flmrcm.deployment {role} "$(cd "$(dirname "$0")" && pwd)"
"""


@dataclass(frozen=True)
class Deployment:
    """Who takes part, and where they meet.

    Args:
        sites: name → where its data come from: `root`, or a `generator`.
        address: name or IP address at which sites reach the coordinator.
        port: the coordinator listens on, the only one that sites have to reach.
        node_port: first of the ports that sites' own processes meet on, each on its loopback.
        days: how long the coordinator's certificate is valid.

    Raises:
        ConfigErrors: a value outside its range.
    """

    sites: Mapping[str, Mapping[str, Any]]
    address: str = "127.0.0.1"
    port: int = 8000
    node_port: int = 9094
    days: int = 365

    def __post_init__(self) -> None:
        last = self.node_port + len(self.sites) - 1
        require(
            {
                "port": (0 < self.port < 2**16, f"1 to 65535; got {self.port}."),
                "node_port": (
                    self.node_port > 0 and last < 2**16,
                    f"1 to 65535, one for each site; got {self.node_port}.",
                ),
                "days": (self.days >= 1, f"at least 1; got {self.days}."),
                "address": (bool(self.address.strip()), "a name or an IP address."),
            }
        )
        if not self.sites:
            raise ConfigErrors(["sites: name at least one."])

    @property
    def listens_on(self) -> str:
        """Where the coordinator listens: loopback for a try-out, else every interface."""
        return "127.0.0.1" if self.address in _LOOPBACK else "0.0.0.0"  # noqa: S104

    def write(self, folder: Path) -> None:
        """Writes all folders.

        Raises:
            FlmrcmError: the folder isn't empty.
        """
        if folder.exists() and any(folder.iterdir()):
            raise FlmrcmError(
                f"{folder}: isn't empty, and keys are never overwritten; name another."
            )
        coordinator = folder / "coordinator"
        identity = certified([*dict.fromkeys((self.address, *_LOOPBACK))], self.days)
        _put(coordinator / "ca.crt", identity.authority)
        _put(coordinator / "server.crt", identity.certificate)
        _put(coordinator / "server.key", identity.key, secret=True)
        _put(coordinator / "coordinator.yaml", _yaml(self._coordinator()))
        _put_start(coordinator, "coordinator")
        for count, name in enumerate(sorted(self.sites)):
            site, keys = folder / "sites" / name, key_pair(name)
            _put(site / "node.key", keys.private, secret=True)
            _put(coordinator / "sites" / f"{name}.pub", keys.public)
            copyfile(coordinator / "ca.crt", site / "ca.crt")
            _put(site / "site.yaml", _HOUSE_HEAD + _yaml(self._house(name, count)))
            _put(site / "policy.yaml", _POLICY)
            _put_start(site, "site")
        place = f"{self.address}:{self.port}"
        text = README.format(address=place, port=self.port, days=self.days, first=min(self.sites))
        _put(folder / "README.md", text)

    def _coordinator(self) -> dict[str, Any]:
        return {"address": self.address, "listens_on": self.listens_on, "port": self.port}

    def _house(self, name: str, count: int) -> dict[str, Any]:
        return {
            "site": name,
            "coordinator": f"{self.address}:{self.port}",
            "data": dict(self.sites[name]),
            "policy": "policy.yaml",
            "memory": "memory",
            "compute": {"accelerator": "auto", "device": 0, "workers": 0},
            "threads": None,
            "port": self.node_port + count,
        }


def _put(path: Path, content: str | bytes, secret: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600 if secret else 0o644)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def _put_start(folder: Path, role: str) -> None:
    _put(folder / "start.sh", _START.format(role=role))
    (folder / "start.sh").chmod(0o755)


def _yaml(values: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(values), sort_keys=False, default_flow_style=None)
