"""Work in a process where nothing ran before, so that what it holds and takes is its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any


def in_fresh_process(module: str, *words: str, **environment: str) -> Any:
    """Gives what a module prints last, read as JSON.

    Args:
        module: run as `python -m`.
        words: its arguments.
        environment: variables set besides this process's.

    Raises:
        RuntimeError: it failed; with what it said.
    """
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", module, *words], cwd=Path(__file__).parents[1],
        env={**os.environ, **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def peak_mib() -> float:
    """Gives this process's highest resident memory; `ru_maxrss` would remember its parent's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024
