"""NVFlare: every site at its own institution, over mutual TLS, known by its certificate."""

from typing import ClassVar

from flmrcm.remote.engine import RemoteEngine


class NVFlareEngine(RemoteEngine):
    """Sites behind NVFlare's clients, called over an `NVFlareTransport`."""

    via: ClassVar[str] = "nvflare"
    package: ClassVar[str] = "nvflare"
