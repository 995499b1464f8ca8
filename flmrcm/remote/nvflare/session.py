"""NVFlare at the coordinator: its files, a session with its server, and the folder of a job."""

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

SITE_FILE = "FLMRCM_SITE_FILE"
"""The environment variable with the path of a site's own file, for its processes.

Where sites share an environment, as in NVFlare's simulator, `{site}` in it becomes their names.
"""

USER = "coordinator@flmrcm.invalid"
"""The user who may start jobs; NVFlare requires an address, and this one belongs to nobody."""

SERVER_SIDE = ("nvflare.collab.runtime.controller.CollabController",
               "flmrcm.remote.nvflare.app.server.ServerEndpoint")  # fmt: skip
SITE_SIDE = ("nvflare.collab.runtime.executor.CollabExecutor",
             "flmrcm.remote.nvflare.app.site.SiteEndpoint")  # fmt: skip
"""All that a job may name at each end: NVFlare's loop, and a class of the installed package."""

AUTHORITY = "admin/startup/rootCA.pem"
"""The certificate that all parties trust, below the coordinator's folder."""

_PATIENCE = 20.0  # seconds


@dataclass(frozen=True, kw_only=True)
class NVFlareSettings(CoordinatorSettings):
    """The settings of NVFlare's server in `coordinator.yaml`.

    Args:
        admin_port: of its commands, on its loopback.
        sites: those that it knows.
    """

    admin_port: int
    sites: Sequence[str]


@contextmanager
def open_session(folder: Path) -> Generator[Any]:
    """Open a session with the coordinator's server, as NVFlare's `flare_api` has it.

    Args:
        folder: the coordinator's.

    Raises:
        FlmrcmError: NVFlare is not installed, or the server refuses the session.
    """
    try:
        from nvflare.fuel.flare_api.flare_api import new_secure_session
    except ImportError:
        raise FlmrcmError("nvflare: isn't installed; pip install 'flmrcm[nvflare]'.") from None
    logging.getLogger("nvflare").setLevel(logging.CRITICAL)  # failures are reported below
    try:
        with redirect_stdout(StringIO()):  # it prints that it connects
            session = new_secure_session(USER, str(folder / "admin"), timeout=_PATIENCE)
    except Exception as error:  # NVFlare raises a dozen kinds, with no common one
        reason = " ".join(str(error).split())[-200:]
        raise FlmrcmError(f"{folder}: the server refuses the session: {reason}") from None
    try:
        yield session
    finally:
        session.close()


def list_connected(session: Any) -> set[str]:
    """Return the sites that are connected, by the names in their certificates."""
    return {client.name for client in session.get_system_info().client_info}


def write_job_folder(folder: Path, job: str, config: str, sites: Iterable[str]) -> None:
    """Write the folder of a job for NVFlare: names of installed classes, and no code.

    Args:
        folder: a new one; the job gets its name.
        job: names the coordinator's own file of the run.
        config: the run's travelling config, JSON.
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
