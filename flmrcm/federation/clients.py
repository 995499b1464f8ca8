"""The clients behind an engine, and what another process makes its own clients with."""

from collections.abc import Callable, Mapping

from flmrcm.federation.client import Client

ClientFactory = Callable[[], Mapping[str, Client]]
"""Makes clients in another process; small enough to be pickled: a config, not their data."""


class Clients(dict[str, Client]):
    """Clients by site name, as this process calls them.

    Args:
        clients: by site name.
        factory: makes equal clients in another process, with their data sets.
    """

    def __init__(self, clients: Mapping[str, Client], factory: ClientFactory) -> None:
        super().__init__(clients)
        self.factory = factory
