"""What all deployments have in common: a settings file that says what carries the calls."""

from importlib import import_module
from pathlib import Path
from typing import Any

from flmrcm.assembly.own_file import read_settings
from flmrcm.errors import FlmrcmError

COORDINATOR = "FLMRCM_COORDINATOR"
"""The environment variable that tells the coordinator's processes their folder."""

TRANSPORTS = ("flower", "nvflare")
"""What may carry the calls, as `engine=` and `flmrcm deploy` name it."""

SETTINGS = {"coordinator": "coordinator.yaml", "site": "site.yaml"}
"""By whose folder it is."""


def read_yaml(path: Path) -> dict[str, Any]:
    """Gives a settings file of a deployment.

    Raises:
        FlmrcmError: it isn't there or isn't one.
    """
    if not path.exists():
        raise FlmrcmError(f"{path}: isn't there; name a folder that `flmrcm deploy` made.")
    return read_settings(path)


def settings_of(folder: Path, role: str) -> dict[str, Any]:
    """Gives the settings of a coordinator's or a site's folder.

    Raises:
        FlmrcmError: it's none, or doesn't say what carries the calls.
    """
    path = folder / SETTINGS[role]
    settings = read_yaml(path)
    if settings.get("via") not in TRANSPORTS:
        raise FlmrcmError(
            f"{path}: via={settings.get('via')}: what carries the calls, one of "
            f"{', '.join(TRANSPORTS)}."
        )
    return settings


def coordinator_of(folder: Path, via: str) -> dict[str, Any]:
    """Gives a coordinator's settings.

    Raises:
        FlmrcmError: its folder was made for something else.
    """
    settings = settings_of(folder, "coordinator")
    if settings["via"] != via:
        raise FlmrcmError(
            f"{folder}: was made by `flmrcm deploy {settings['via']}`; use "
            f"engine={settings['via']}, or name another folder."
        )
    return settings


def services_of(folder: Path, role: str) -> Any:
    """Gives the module that runs a coordinator's or a site's processes.

    It has `check_startable`, `joined`, `serve_coordinator` and `serve_site`.

    Raises:
        FlmrcmError: the folder doesn't say what carries the calls.
    """
    return import_module(f"flmrcm.deployment.{settings_of(folder, role)['via']}_processes")
