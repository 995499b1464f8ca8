"""NVFlare: every site in its own house, reached over mutual TLS, known by its certificate."""

from typing import ClassVar

from flmrcm.remote.engine import RemoteEngine


class NVFlareEngine(RemoteEngine):
    """Sites behind NVFlare's clients; the way to them is a `nvflare_calls.NVFlareClients`."""

    via: ClassVar[str] = "nvflare"
    package: ClassVar[str] = "nvflare"
