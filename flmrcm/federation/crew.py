"""The clients behind an engine, and how another process makes its own."""

from collections.abc import Callable, Mapping

from flmrcm.federation.client import Client

Recipe = Callable[[], Mapping[str, Client]]
"""Makes clients where there are none yet; small enough to be pickled: a config, not their data."""


class Crew(dict[str, Client]):
    """Clients by site name, as this process calls them.

    Args:
        clients: by site name.
        recipe: makes equal ones in another process, data sets and all.
    """

    def __init__(self, clients: Mapping[str, Client], recipe: Recipe) -> None:
        super().__init__(clients)
        self.recipe = recipe
