"""The clients behind an engine, and how another process makes its own."""

from collections.abc import Callable, Mapping

from flmrcm.federation.client import Client

ClientFactory = Callable[[], Mapping[str, Client]]
"""Makes clients where there are none yet; small enough to be pickled: a config, not their data."""


class Clients(dict[str, Client]):
    """Clients by site name, as this process calls them.

    Args:
        clients: by site name.
        factory: makes equal ones in another process, data sets and all.
    """

    def __init__(self, clients: Mapping[str, Client], factory: ClientFactory) -> None:
        super().__init__(clients)
        self.factory = factory
