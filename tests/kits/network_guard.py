"""A guard on name look-ups: every process that starts with it notes foreign names."""

import os
from collections.abc import Mapping
from pathlib import Path

HOOKS = Path(__file__).parents[1] / "remote" / "live" / "hooks"


class Guard:
    """Notes every look-up of a name outside this machine, and refuses it.

    Args:
        path: the file of the names.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment variables that activate it in a process and its children."""
        before = os.environ.get("PYTHONPATH")
        path = os.pathsep.join([str(HOOKS), *([before] if before else [])])
        return {"PYTHONPATH": path, "FLMRCM_LOOKED_UP": str(self._path)}

    @property
    def names(self) -> list[str]:
        """The names that were looked up."""
        return self._path.read_text().split() if self._path.exists() else []
