"""NVFlare at the coordinator: where its things lie, how it's asked, and what a job of ours is."""

import json
import logging
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from flmrcm.errors import FlmrcmError
from flmrcm.remote.provision.settings import CoordinatorSettings

SITE_FILE = "FLMRCM_HOUSE"
"""The environment variable that tells a site's processes its own file.

Where sites share an environment, as in NVFlare's simulator, `{site}` in it stands for their names.
"""

USER = "coordinator@flmrcm.invalid"
"""Who may start jobs; NVFlare wants an address, and this one is nobody's."""

SERVER_SIDE = ("nvflare.collab.runtime.controller.CollabController",
               "flmrcm.remote.nvflare.app.server.ServerEndpoint")  # fmt: skip
SITE_SIDE = ("nvflare.collab.runtime.executor.CollabExecutor",
             "flmrcm.remote.nvflare.app.site.SiteEndpoint")  # fmt: skip
"""All that a job may name at each end: NVFlare's loop, and the door to the installed package."""

AUTHORITY = "admin/startup/rootCA.pem"
"""Below the coordinator's folder: the certificate that everybody trusts."""

_PATIENCE = 20.0  # seconds


@dataclass(frozen=True, kw_only=True)
class NVFlareSettings(CoordinatorSettings):
    """What `coordinator.yaml` says of NVFlare's server.

    Args:
        admin_port: on which it's given orders, on its loopback.
        sites: those it knows.
    """

    admin_port: int
    sites: Sequence[str]


@contextmanager
def open_session(folder: Path) -> Generator[Any]:
    """Gives a session with the coordinator's server, as NVFlare's `flare_api` has it.

    Args:
        folder: the coordinator's.

    Raises:
        FlmrcmError: NVFlare isn't installed, or the server doesn't let us in.
    """
    try:
        from nvflare.fuel.flare_api.flare_api import new_secure_session
    except ImportError:
        raise FlmrcmError("nvflare: isn't installed; pip install 'flmrcm[nvflare]'.") from None
    logging.getLogger("nvflare").setLevel(logging.CRITICAL)  # what fails is told by us
    try:
        with redirect_stdout(StringIO()):  # it says that it connects
            opened = new_secure_session(USER, str(folder / "admin"), timeout=_PATIENCE)
    except Exception as error:  # it has a dozen kinds, and no common one
        reason = " ".join(str(error).split())[-200:]
        raise FlmrcmError(f"{folder}: the server doesn't let us in: {reason}") from None
    try:
        yield opened
    finally:
        opened.close()


def list_connected(opened: Any) -> set[str]:
    """Gives the sites that are connected, by the names in their certificates."""
    return {client.name for client in opened.get_system_info().client_info}


def write_job_folder(folder: Path, job: str, config: str, sites: Iterable[str]) -> None:
    """Writes what NVFlare is sent: names of installed classes, and no code.

    Args:
        folder: a new one; its name will be the job's.
        job: names the coordinator's own file of the run.
        config: what sites may know of the run.
        sites: that take part.
    """
    controller, coordinator = SERVER_SIDE
    executor, site = SITE_SIDE
    server = {
        "workflows": [{"id": "loop", "path": controller, "args": {"server_obj_id": "run"}}],
        "components": [{"id": "run", "path": coordinator, "args": {"job": job}}],
    }
    client = {
        "executors": [
            {"tasks": ["*"], "executor": {"path": executor, "args": {"client_obj_id": "site"}}}
        ],
        "components": [{"id": "site", "path": site, "args": {"config": config}}],
    }
    meta = {
        "name": folder.name,
        "resource_spec": {},
        "min_clients": 1,
        "deploy_map": {"app": ["server", *sorted(sites)]},
    }
    _write_json(folder / "meta.json", meta)
    _write_json(
        folder / "app" / "config" / "config_fed_server.json", {"format_version": 2, **server}
    )
    _write_json(
        folder / "app" / "config" / "config_fed_client.json", {"format_version": 2, **client}
    )


def _write_json(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1))
