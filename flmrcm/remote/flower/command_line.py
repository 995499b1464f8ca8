"""Flower's command line: its folder, its coordinator, and that it contacts nobody else."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from flmrcm.errors import FlmrcmError

ENVIRONMENT = {
    "FLWR_TELEMETRY_ENABLED": "0",
    "FLWR_DISABLE_UPDATE_CHECK": "1",
    "FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION": "1",
}
"""Set for every process of Flower: it reports nothing, looks for no update, installs nothing."""

CONNECTION = "hospitals"
"""The name of the coordinator in Flower's own config."""

DAEMON = "daemon.json"
"""The file, beside a site's own, with the address of its daemon."""

_CLIENT_PROCESS = "flmrcm.remote.flower.app.client_process"

SITE_FILE = "site_file"
"""The key of a node's config that names the site's own file."""


def write_connection(folder: Path, address: str) -> None:
    """Write Flower's own config below a coordinator's folder: its command line calls an address.

    Args:
        folder: the coordinator's.
        address: host:port of its SuperLink.
    """
    home = folder / "flwr"
    home.mkdir(exist_ok=True)
    (home / "config.toml").write_text(
        f'[superlink]\ndefault = "{CONNECTION}"\n\n[superlink.{CONNECTION}]\n'
        f"address = {json.dumps(address)}\n"
        f"root-certificates = {json.dumps(str(folder / 'ca.crt'))}\n"
    )


def run_flwr(folder: Path, *words: str) -> dict[str, Any]:
    """Run a command of Flower and return its JSON output.

    Args:
        folder: the coordinator's.
        words: of the command, without `--format`.

    Raises:
        FlmrcmError: it failed, or printed no JSON.
    """
    done = subprocess.run(  # noqa: S603
        [find_program("flwr"), *words, "--format", "json"],
        env=build_environment(folder), capture_output=True, text=True, check=False,
    )  # fmt: skip
    try:
        output = json.loads(done.stdout[done.stdout.index("{") :])
    except ValueError:
        output = {}
    if not output.get("success"):
        reason = output.get("error-message") or (done.stderr + done.stdout).strip()
        raise FlmrcmError(f"flwr {words[0]} {words[1]}: {' '.join(reason.split())[-300:]}")
    return output


def find_program(name: str) -> str:
    """Return the path of a program of Flower in this environment.

    Raises:
        FlmrcmError: Flower is not installed in it.
    """
    path = Path(sys.executable).parent / name
    if not path.exists():
        raise FlmrcmError(
            f"{name}: isn't installed; pip install 'flmrcm[flower]' -c "
            "constraints-deployment.txt, in an environment of its own."
        )
    return str(path)


def write_client_program(folder: Path) -> Path:
    """Write what a site's SuperNode starts for a message, and return the folder it lies in.

    It has the name of Flower's own program, which would run code that the coordinator sent.

    Args:
        folder: the site's.
    """
    programs = folder / "flwr" / "bin"
    programs.mkdir(parents=True, exist_ok=True)
    program = programs / "flwr-clientapp"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m {_CLIENT_PROCESS} "$@"\n')
    program.chmod(0o755)
    return programs


def build_environment(folder: Path) -> dict[str, str]:
    """Return the environment variables for a command of Flower at the coordinator."""
    return {**os.environ, **ENVIRONMENT, "FLWR_HOME": str(folder / "flwr")}
