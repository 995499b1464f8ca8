"""Flower: every site in its own house, reached over TLS, known by its key."""

from typing import ClassVar

from flmrcm.remote.engine import RemoteEngine


class FlowerEngine(RemoteEngine):
    """Sites behind Flower's nodes; the way to them is a `flower_calls.FlowerGrid`."""

    via: ClassVar[str] = "flower"
    package: ClassVar[str] = "flwr"
