"""A desk behind Flower's messages."""

from flwr.app import Message
from houses_kit import OneProcessGrid
from letters_kit import Desk, reached

from flmrcm.engines.flower import FlowerSites
from flmrcm.engines.flower_calls import FlowerGrid
from flmrcm.engines.flower_messages import letter_of, record_of
from flmrcm.federation.crew import Crew
from flmrcm.federation.memory import MemoryStore


class Grid(OneProcessGrid):
    """Flower's grid, its nodes being a desk."""

    def __init__(self, desk: Desk) -> None:
        super().__init__({})
        self.desk, self.nodes = desk, {site: number for number, site in enumerate(desk.sites)}

    def _answer(self, message: Message) -> Message:
        site = self.desk.sites[message.metadata.dst_node_id]
        answer = self.desk.answer(site, letter_of(message.content))
        return Message(record_of(answer), reply_to=message)


def engine(clients: Crew, store: MemoryStore) -> FlowerSites:
    """Gives an engine whose letters are Flower's messages."""
    grid = Grid(Desk(clients, store))
    reach = reached(FlowerGrid(grid, grid.nodes))
    return FlowerSites(clients, store, federation="deploy/coordinator", reach=reach)
