"""One call at one site, wherever that is: memory in, work, memory out."""

import torch

from flmrcm.errors import FlmrcmError
from flmrcm.federation.client import Client
from flmrcm.federation.engine import Operation
from flmrcm.federation.memory import MemoryStore
from flmrcm.federation.workload import Workload
from flmrcm.types import Broadcast, Reply


def call_site(
    client: Client,
    op: Operation,
    message: Broadcast,
    store: MemoryStore,
    workload: Workload | None = None,
    threads: int | None = None,
) -> Reply:
    """Return a site's reply, or a reply with one line of error where it fails.

    Args:
        client: the site's.
        op: what is asked.
        message: as it travels; nobody else may hold on to it.
        store: where the site's memory lies; written after training only.
        workload: what it trains in a round.
        threads: torch threads, set anew at every call so that no call depends on the one before;
            None leaves them.
    """
    if threads:
        torch.set_num_threads(threads)
    site = client.site.name
    memory = store.load(site)
    try:
        reply = client.call(op, message, memory, workload)
    except FlmrcmError as error:
        return Reply(site, error=f"site {site}, round {message.round}: {error}")
    if op == "train":
        store.save(site, memory, message.round)
    return reply
