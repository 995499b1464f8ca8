"""The common part of all deployments: folders with a settings file that names the transport."""

from importlib import import_module
from pathlib import Path
from typing import Any

from flmrcm.config.settings_file import read_settings
from flmrcm.errors import FlmrcmError

COORDINATOR = "FLMRCM_COORDINATOR"
"""The environment variable with the coordinator's folder, for its processes."""

PROGRAM = "flmrcm.remote"
"""The module that runs a party's processes: `python -m PROGRAM coordinator|site FOLDER`."""

TRANSPORTS = ("flower", "nvflare")
"""The transports, as `engine=` and `flmrcm deploy` name them."""

SETTINGS = {"coordinator": "coordinator.yaml", "site": "site.yaml"}
"""The settings file of a folder, by the role of its party."""


def read_party_settings(folder: Path, role: str) -> dict[str, Any]:
    """Return the settings of a coordinator's or a site's folder.

    Raises:
        FlmrcmError: the folder has no settings, or they do not name the transport.
    """
    path = folder / SETTINGS[role]
    if not path.exists():
        raise FlmrcmError(f"{path}: isn't there; name a folder that `flmrcm deploy` made.")
    settings = read_settings(path)
    if settings.get("via") not in TRANSPORTS:
        raise FlmrcmError(
            f"{path}: via={settings.get('via')}: what carries the calls, one of "
            f"{', '.join(TRANSPORTS)}."
        )
    return settings


def check_transport(folder: Path, via: str) -> None:
    """Raise an error for a coordinator's folder that was made for another transport.

    Raises:
        FlmrcmError: it was; the transport is named.
    """
    made_for = read_party_settings(folder, "coordinator")["via"]
    if made_for != via:
        raise FlmrcmError(
            f"{folder}: was made by `flmrcm deploy {made_for}`; use engine={made_for}, or name "
            "another folder."
        )


def load_services(folder: Path, role: str) -> Any:
    """Return the module that runs a coordinator's or a site's processes.

    It has `serve_coordinator` and `serve_site`; for a try-out also `check_ready` (whether it can
    start), `is_ready` (of the coordinator) and `has_joined` (of a site).

    Raises:
        FlmrcmError: the folder's settings do not name the transport.
    """
    return import_module(f"flmrcm.remote.{read_party_settings(folder, role)['via']}.processes")
