"""A deployment over Flower: the coordinator has a certificate, each site a key."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from flmrcm.deployment.certificates import certified, key_pair
from flmrcm.deployment.folders import LOOPBACK, Deployment, put
from flmrcm.errors import require


@dataclass(frozen=True)
class FlowerDeployment(Deployment):
    """Who takes part, and where they meet.

    Args:
        node_port: first of the ports that sites' own processes meet on, each on its loopback.

    Raises:
        ConfigErrors: a value outside its range.
    """

    via: ClassVar[str] = "flower"
    carrier: ClassVar[str] = "Flower"
    secrets: ClassVar[str] = (
        "`sites/NAME/node.key` at its site, `coordinator/server.key` at the coordinator"
    )

    node_port: int = 9094

    def __post_init__(self) -> None:
        last = self.node_port + len(self.sites) - 1
        require(
            {
                "node_port": (
                    self.node_port > 0 and last < 2**16,
                    f"1 to 65535, one for each site; got {self.node_port}.",
                )
            }
        )
        super().__post_init__()

    def write_identities(self, coordinator: Path, sites: Mapping[str, Path]) -> None:
        """Writes the coordinator's certificate, and a key pair for each site."""
        identity = certified([*dict.fromkeys((self.address, *LOOPBACK))], self.days)
        put(coordinator / "ca.crt", identity.authority)
        put(coordinator / "server.crt", identity.certificate)
        put(coordinator / "server.key", identity.key, secret=True)
        for name, site in sites.items():
            keys = key_pair(name)
            put(site / "node.key", keys.private, secret=True)
            put(site / "ca.crt", identity.authority)
            put(coordinator / "sites" / f"{name}.pub", keys.public)

    def house(self, name: str, count: int) -> dict[str, Any]:
        """Gives a site's own file, with the port of its own processes."""
        return {**super().house(name, count), "port": self.node_port + count}
