"""The contract's sites behind Flower's messages."""

from flwr.app import Message
from kits.deployed_sites import OneProcessGrid
from kits.envelopes import Desk, connected

from flmrcm.federation.clients import Clients
from flmrcm.federation.memory import MemoryStore
from flmrcm.remote.flower.connection import FlowerTransport, decode_record, encode_record
from flmrcm.remote.flower.engine import FlowerEngine


class Grid(OneProcessGrid):
    """Flower's grid, whose nodes are a desk."""

    def __init__(self, desk: Desk) -> None:
        super().__init__({})
        self.desk, self.nodes = desk, {site: number for number, site in enumerate(desk.sites)}

    def _answer(self, message: Message) -> Message:
        site = self.desk.sites[message.metadata.dst_node_id]
        answer = self.desk.answer(site, decode_record(message.content))
        return Message(encode_record(answer), reply_to=message)


def engine(clients: Clients, store: MemoryStore) -> FlowerEngine:
    """Return an engine whose envelopes are Flower's messages."""
    grid = Grid(Desk(clients, store))
    connection = connected(FlowerTransport(grid, grid.nodes))
    return FlowerEngine(clients, store, federation="deploy/coordinator", connection=connection)
