"""Flower: every site at its own institution, reached over TLS, known by its key."""

from typing import ClassVar

from flmrcm.remote.engine import RemoteEngine


class FlowerEngine(RemoteEngine):
    """Sites behind Flower's nodes, called over a `FlowerTransport`."""

    via: ClassVar[str] = "flower"
    package: ClassVar[str] = "flwr"
