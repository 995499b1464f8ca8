"""A deployment over Flower: the coordinator has a certificate, each site a key."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from flmrcm.errors import require
from flmrcm.remote.provision.certificates import make_certificates, make_key_pair
from flmrcm.remote.provision.deployment import LOOPBACK, Deployment, write_party_file


@dataclass(frozen=True)
class FlowerDeployment(Deployment):
    """A federation's parties, addresses and ports.

    Args:
        node_port: of the first site's own processes, on its loopback; each site has the next.

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
        """Write the coordinator's certificate, and a key pair for each site."""
        identity = make_certificates([*dict.fromkeys((self.address, *LOOPBACK))], self.days)
        write_party_file(coordinator / "ca.crt", identity.authority)
        write_party_file(coordinator / "server.crt", identity.certificate)
        write_party_file(coordinator / "server.key", identity.key, secret=True)
        for name, site in sites.items():
            keys = make_key_pair(name)
            write_party_file(site / "node.key", keys.private, secret=True)
            write_party_file(site / "ca.crt", identity.authority)
            write_party_file(coordinator / "sites" / f"{name}.pub", keys.public)

    def site_settings(self, name: str, count: int) -> dict[str, Any]:
        """Return a site's settings, with the port of its own processes."""
        return {**super().site_settings(name, count), "port": self.node_port + count}
