"""A deployment over NVFlare: its provisioning makes certificates and kits, and we narrow them."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree, ignore_patterns
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

from flmrcm.errors import FlmrcmError, require
from flmrcm.remote.nvflare.session import SERVER_SIDE, SITE_SIDE, USER
from flmrcm.remote.provision.deployment import LOOPBACK, Deployment, write_party_file

_provision_log = logging.getLogger(f"{__name__}.provisioning")
_provision_log.setLevel(logging.WARNING)

_SERVER = "coordinator"
_LONGEST = 360
"""Days: NVFlare's certificates are valid for no longer."""

_MAY = {"submit_job": "any", "manage_job": "any", "view": "any"}
_MAY_NOT = ("byoc", "operate", "shell_commands", "clone_job", "download_job")
"""Nobody may send code, or look into a site's folders from outside."""

_NOT_NEEDED = ignore_patterns("*.sh", "*.ipynb", "readme.txt", "*.sample")


@dataclass(frozen=True)
class NVFlareDeployment(Deployment):
    """A federation's parties, addresses and ports.

    Args:
        admin_port: of the coordinator's own commands, on its loopback.

    Raises:
        ConfigErrors: a value outside its range.
    """

    via: ClassVar[str] = "nvflare"
    carrier: ClassVar[str] = "NVFlare"
    secrets: ClassVar[str] = (
        "`sites/NAME/kit/startup/client.key` at its site; `server/` and `admin/` of `coordinator/`"
    )

    admin_port: int = 8001

    def __post_init__(self) -> None:
        require(
            {
                "admin_port": (
                    0 < self.admin_port < 2**16 and self.admin_port != self.port,
                    f"1 to 65535, and another than port; got {self.admin_port}.",
                ),
                "days": (self.days <= _LONGEST, f"at most {_LONGEST}; got {self.days}."),
            }
        )
        super().__post_init__()

    def write_identities(self, coordinator: Path, sites: Mapping[str, Path]) -> None:
        """Write a kit for each party; the authority's key is deleted once it has signed.

        Raises:
            FlmrcmError: NVFlare cannot use these names.
        """
        with TemporaryDirectory() as place:
            kits = _provision(Path(place), self._build_project())
            _copy_kit(kits / _SERVER, coordinator / "server", SERVER_SIDE)
            _copy_kit(kits / USER, coordinator / "admin", ())
            for name, site in sites.items():
                _copy_kit(kits / name, site / "kit", SITE_SIDE)
        _change_json(coordinator / "server" / "startup" / "fed_server.json", self._set_listening)
        _change_json(coordinator / "admin" / "startup" / "fed_admin.json", _use_loopback)

    def coordinator_settings(self) -> dict[str, Any]:
        """Return the coordinator's settings, with the sites that it knows."""
        more = {"admin_port": self.admin_port, "sites": sorted(self.sites)}
        return super().coordinator_settings() | more

    def _set_listening(self, own: dict[str, Any]) -> dict[str, Any]:
        """Return the server's settings: commands on loopback only, calls where configured."""
        (server,) = own["servers"]
        service = {**server["service"], "target": f"{self.listens_on}:{self.port}"}
        changed = {"service": service, "admin_host": LOOPBACK[0]}
        return {**own, "servers": [{**server, **changed}]}

    def _build_project(self) -> dict[str, Any]:
        org = {"org": "flmrcm"}
        hosts = [name for name in LOOPBACK if name != self.address]
        server = {
            "name": _SERVER, "type": "server", "fed_learn_port": self.port,
            "admin_port": self.admin_port, "default_host": self.address, "host_names": hosts, **org,
        }  # fmt: skip
        clients = [{"name": name, "type": "client", **org} for name in sorted(self.sites)]
        admin = {"name": USER, "type": "admin", "role": "project_admin", **org}
        impl = "nvflare.lighter.impl"
        return {
            "api_version": 3,
            "name": "flmrcm",
            "participants": [server, *clients, admin],
            "builders": [
                {"path": f"{impl}.workspace.WorkspaceBuilder",
                 "args": {"template_file": ["master_template.yml"]}},
                {"path": f"{impl}.static_file.StaticFileBuilder",
                 "args": {"config_folder": "config"}},
                {"path": f"{impl}.cert.CertBuilder", "args": {"root_valid_days": self.days}},
            ],
        }  # fmt: skip


def _provision(place: Path, project: dict[str, Any]) -> Path:
    """Return the folder in which NVFlare has made a kit for each participant."""
    from nvflare.lighter.constants import CtxKey, WorkDir
    from nvflare.lighter.prov_utils import prepare_builders
    from nvflare.lighter.provision import prepare_project
    from nvflare.lighter.provisioner import Provisioner

    try:
        provisioner = Provisioner(str(place), prepare_builders(project))
        outcome = provisioner.provision(prepare_project(project), logger=_provision_log)
    except ValueError as error:
        raise FlmrcmError(f"NVFlare's provisioning: {error}") from None
    if outcome.get(CtxKey.BUILD_ERROR):
        raise FlmrcmError(f"NVFlare's provisioning: {'; '.join(outcome.get(CtxKey.ERRORS, []))}")
    return Path(outcome[WorkDir.CURRENT_PROD_DIR])


def _copy_kit(source: Path, kit: Path, classes: Sequence[str]) -> None:
    """Copy the needed part of a kit, for its owner alone; it may load only these classes."""
    copytree(source, kit, ignore=_NOT_NEEDED)
    for path in (kit, *kit.rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)
    rights = {"project_admin": {**_MAY, **dict.fromkeys(_MAY_NOT, "none")}}
    authorization = {"format_version": "1.0", "permissions": rights}
    write_party_file(
        kit / "local" / "authorization.json", json.dumps(authorization, indent=1), secret=True
    )
    limits = {
        "class_allow_list": list(classes),
        "class_list_enforcement_mode": "enforce",
        "allow_log_streaming": False,
    }
    _change_json(kit / "local" / "resources.json.default", lambda own: {**own, **limits})


def _use_loopback(own: dict[str, Any]) -> dict[str, Any]:
    return {**own, "admin": {**own["admin"], "host": LOOPBACK[0]}}


def _change_json(path: Path, change: Any) -> None:
    path.write_text(json.dumps(change(json.loads(path.read_text())), indent=1))
