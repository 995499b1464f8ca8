"""What all deployments have in common: a settings file that says what carries the calls."""

from importlib import import_module
from pathlib import Path
from typing import Any

from flmrcm.config.settings_file import read_settings
from flmrcm.errors import FlmrcmError

COORDINATOR = "FLMRCM_COORDINATOR"
"""The environment variable that tells the coordinator's processes their folder."""

PROGRAM = "flmrcm.remote"
"""The module that runs a party's processes: `python -m PROGRAM coordinator|site FOLDER`."""

TRANSPORTS = ("flower", "nvflare")
"""What may carry the calls, as `engine=` and `flmrcm deploy` name it."""

SETTINGS = {"coordinator": "coordinator.yaml", "site": "site.yaml"}
"""By whose folder it is."""


def read_party_settings(folder: Path, role: str) -> dict[str, Any]:
    """Gives the settings of a coordinator's or a site's folder.

    Raises:
        FlmrcmError: it's none, or doesn't say what carries the calls.
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
    """Refuses a coordinator's folder that was made for something else.

    Raises:
        FlmrcmError: with what it was made for.
    """
    made_for = read_party_settings(folder, "coordinator")["via"]
    if made_for != via:
        raise FlmrcmError(
            f"{folder}: was made by `flmrcm deploy {made_for}`; use engine={made_for}, or name "
            "another folder."
        )


def load_services(folder: Path, role: str) -> Any:
    """Gives the module that runs a coordinator's or a site's processes.

    It has `serve_coordinator` and `serve_site`; for a try-out also `make_ready`, which checks that
    it can start and clears what an earlier one left, `is_ready` of its coordinator, and
    `has_joined` of a site.

    Raises:
        FlmrcmError: the folder doesn't say what carries the calls.
    """
    return import_module(f"flmrcm.remote.{read_party_settings(folder, role)['via']}.processes")
