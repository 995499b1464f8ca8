"""What an engine may do to a call changes no bit: here, each runs in a fresh process."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import torch
from kits.laws import Setting, equal, fl_mrcm, hospitals

from flmrcm.engines.in_process import InProcess
from flmrcm.federation.engine import Operation
from flmrcm.federation.memory import MemoryStore
from flmrcm.types import Broadcast, Reply

PLAN = {"participants": ("east", "north"), "plan": {"validate_every": 9}}


class FreshProcess(InProcess):
    """Answers each call in a process that has seen nothing before it."""

    def __init__(self, root: Path, store: MemoryStore) -> None:
        super().__init__({}, store, threads=1)
        self.root = root
        # it imports once what each process needs, and has seen no call itself
        self.context = get_context("forkserver")
        self.context.set_forkserver_preload(["flmrcm.federation.rounds", "flmrcm.learning.scoring"])

    def call(
        self, op: Operation, messages: Mapping[str, Broadcast], timeout: float | None = None
    ) -> Iterator[Reply]:
        for site in sorted(messages):
            snapshot = self.store.snapshot()
            with ProcessPoolExecutor(1, mp_context=self.context) as pool:
                answered = pool.submit(
                    answer, self.root, self.store.folder, snapshot, op, site, messages[site]
                )
                reply, after = answered.result()
            self.store.restore(after)
            yield reply


def answer(
    root: Path,
    memory: Path,
    snapshot: Mapping[str, int],
    op: Operation,
    site: str,
    message: Broadcast,
) -> tuple[Reply, Mapping[str, int]]:
    torch.set_num_threads(1)
    setting = Setting(hospitals(root), memory.parent, **PLAN)
    engine = setting.federation(fl_mrcm(alignment="latents")).engine
    engine.store.folder = memory
    engine.restore(snapshot)
    (reply,) = engine.call(op, {site: message})
    return reply, engine.snapshot()


def test_in_process_equals_each_call_in_a_fresh_process(setting, sites):
    here, there = setting(**PLAN), setting(**PLAN)
    expected = here.run(fl_mrcm(alignment="latents"))
    federation = there.federation(fl_mrcm(alignment="latents"))
    root = sites["east"].sources[0].folder.parent
    apart = replace(federation, engine=FreshProcess(root, federation.engine.store))
    state = apart.run(there.module().model.state_dict())
    assert equal(state.weights, expected.weights)
