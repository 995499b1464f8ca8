"""One call at a site: its memory is read, its client works, and its memory is written."""

import torch

from flmrcm.errors import FlmrcmError
from flmrcm.federation.client import Client
from flmrcm.federation.engine import TRAINING, Operation
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

    The arguments are those of `answer_call`.
    """
    try:
        return answer_call(client, op, message, store, workload, threads)
    except FlmrcmError as error:
        site = client.site.name
        return Reply(site, error=f"site {site}, round {message.round}: {error}")


def answer_call(
    client: Client,
    op: Operation,
    message: Broadcast,
    store: MemoryStore,
    workload: Workload | None = None,
    threads: int | None = None,
) -> Reply:
    """Return a site's reply; its memory is written after training only.

    Args:
        client: the site's.
        op: what the site is to do.
        message: as it travels; nobody else may hold on to it.
        store: where the site's memory lies.
        workload: what it trains in a round.
        threads: torch threads, set anew at every call so that no call depends on the one before;
            None leaves them.

    Raises:
        FlmrcmError: the site refuses, or cannot do its work; its memory is as before.
    """
    if threads:
        torch.set_num_threads(threads)
    site = client.site.name
    memory = store.load(site)
    reply = client.call(op, message, memory, workload)
    if op in TRAINING:  # a survey or a validation leaves no trace, however often it is repeated
        store.save(site, memory, message.round)
    return reply
