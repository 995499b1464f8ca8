"""A guard on the resolver: every process that starts with it notes who asks for a foreign name."""

import os
from collections.abc import Mapping
from pathlib import Path

HOOKS = Path(__file__).parents[1] / "remote" / "live" / "hooks"


class Guard:
    """Notes every look-up of a name outside this machine, and refuses it.

    Args:
        asked: the file of the names.
    """

    def __init__(self, asked: Path) -> None:
        self._asked = asked

    @property
    def environment(self) -> Mapping[str, str]:
        """What a process has to start with; its children inherit it."""
        before = os.environ.get("PYTHONPATH")
        path = os.pathsep.join([str(HOOKS), *([before] if before else [])])
        return {"PYTHONPATH": path, "FLMRCM_ASKED": str(self._asked)}

    @property
    def asked(self) -> list[str]:
        """The names that were asked for."""
        return self._asked.read_text().split() if self._asked.exists() else []
