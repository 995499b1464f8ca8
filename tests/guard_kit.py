"""A guard on the resolver: every process that starts with it notes who asks for a foreign name."""

import os
from collections.abc import Mapping
from pathlib import Path

_ASKED = "FLMRCM_ASKED"
_GUARD = f"""
import os, socket
_ask = socket.getaddrinfo
def getaddrinfo(host, *rest, **more):
    name = host.decode() if isinstance(host, bytes) else host
    if name not in (None, "", "localhost", "127.0.0.1", "::1", "0.0.0.0", "::"):
        with open(os.environ["{_ASKED}"], "a") as asked:
            asked.write(f"{{name}}\\n")
        raise OSError(f"{{name}}: looked up outside this machine")
    return _ask(host, *rest, **more)
socket.getaddrinfo = getaddrinfo
"""


class Guard:
    """Notes every look-up of a name outside this machine, and refuses it.

    Args:
        folder: new; holds what processes import first, and what they asked for.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        (folder / "sitecustomize.py").write_text(_GUARD)

    @property
    def environment(self) -> Mapping[str, str]:
        """What a process has to start with; its children inherit it."""
        before = os.environ.get("PYTHONPATH")
        path = os.pathsep.join([str(self._folder), *([before] if before else [])])
        return {"PYTHONPATH": path, _ASKED: str(self._folder / "asked.txt")}

    @property
    def asked(self) -> list[str]:
        """The names that were asked for."""
        path = self._folder / "asked.txt"
        return path.read_text().split() if path.exists() else []
