"""Flower's command line: where it keeps its things, whom it asks, and that it asks nobody else."""

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
"""Set for every process of Flower's: it reports nothing, asks nobody, installs nothing."""

CONNECTION = "hospitals"

DAEMON = "resident.json"
"""The file, beside a site's own, that tells where its resident process is to be found."""


def write_connection(folder: Path, address: str) -> None:
    """Writes, below a coordinator's folder, whom Flower's command line talks to."""
    home = folder / "flwr"
    home.mkdir(exist_ok=True)
    (home / "config.toml").write_text(
        f'[superlink]\ndefault = "{CONNECTION}"\n\n[superlink.{CONNECTION}]\n'
        f"address = {json.dumps(address)}\n"
        f"root-certificates = {json.dumps(str(folder / 'ca.crt'))}\n"
    )


def run_flwr(folder: Path, *words: str) -> dict[str, Any]:
    """Gives what a command of Flower's answers, as JSON.

    Args:
        folder: the coordinator's.
        words: of the command, without `--format`.

    Raises:
        FlmrcmError: it failed, or doesn't answer.
    """
    done = subprocess.run(  # noqa: S603
        [find_program("flwr"), *words, "--format", "json"],
        env=build_environment(folder), capture_output=True, text=True, check=False,
    )  # fmt: skip
    try:
        answer = json.loads(done.stdout[done.stdout.index("{") :])
    except ValueError:
        answer = {}
    if not answer.get("success"):
        said = answer.get("error-message") or (done.stderr + done.stdout).strip()
        raise FlmrcmError(f"flwr {words[0]} {words[1]}: {' '.join(said.split())[-300:]}")
    return answer


def find_program(name: str) -> str:
    """Gives the path of a program of Flower's in this environment.

    Raises:
        FlmrcmError: Flower isn't installed in it.
    """
    path = Path(sys.executable).parent / name
    if not path.exists():
        raise FlmrcmError(
            f"{name}: isn't installed; pip install 'flmrcm[flower]' -c "
            "constraints-deployment.txt, in an environment of its own."
        )
    return str(path)


def build_environment(folder: Path) -> dict[str, str]:
    """Gives the environment for a command of Flower's at the coordinator."""
    return {**os.environ, **ENVIRONMENT, "FLWR_HOME": str(folder / "flwr")}
