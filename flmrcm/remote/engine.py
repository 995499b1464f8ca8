"""Sites in their own houses: whatever carries the calls, the coordinator asks them alike."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from math import inf
from typing import Any, ClassVar

import torch

from flmrcm import __version__
from flmrcm.errors import ConfigErrors, SiteFailed, require
from flmrcm.federation.clients import Clients
from flmrcm.federation.engine import Op
from flmrcm.federation.memory import MemoryStore
from flmrcm.federation.site_facts import SiteFacts, parse_facts
from flmrcm.federation.wire import Wire
from flmrcm.federation.workload import Workload
from flmrcm.remote.call_header import CallHeader
from flmrcm.remote.connection import Response, Transport
from flmrcm.types import Broadcast, Reply


@dataclass(frozen=True)
class Connection:
    """What the coordinator's process gives the engine that lives in it.

    Attributes:
        transport: the way to the sites.
        config_hash: of the travelling config.
        experiment: under which sites keep their private state.
    """

    transport: Transport
    config_hash: str
    run_id: str


class RemoteEngine:
    """Sends calls to sites in their houses; they keep their images and their private memory.

    Args:
        clients: the sites' names; nobody stands behind them here.
        store: not used: memories lie at the sites.
        federation: the coordinator's folder, as `flmrcm deploy` made it.
        patience: seconds to wait for a site that isn't connected.
        threads: torch threads of the coordinator; each site says its own; None takes torch's
        wire: fp32 | bf16 | fp16: how tensors travel.
        reach: the way to the sites; only the coordinator's process has one.

    Attributes:
        via: what carries the calls, as `engine=` and `flmrcm deploy` name it.
        package: that has to be installed for it.

    Raises:
        ConfigErrors: the package isn't installed, or a value is outside its range.
    """

    can_interrupt: ClassVar[bool] = True
    on_one_machine: ClassVar[bool] = False
    data_is_local: ClassVar[bool] = False
    via: ClassVar[str]
    package: ClassVar[str]

    def __init__(
        self,
        clients: Clients,
        store: MemoryStore,
        federation: str | None = None,
        patience: float = 120.0,
        threads: int | None = None,
        wire: str = "fp32",
        reach: Connection | None = None,
    ) -> None:
        if find_spec(self.package) is None:
            raise ConfigErrors(
                [f"engine={self.via}: isn't installed; pip install 'flmrcm[{self.via}]'."]
            )
        require(
            {
                "engine.federation": (
                    bool(federation),
                    f"name the coordinator's folder, made by `flmrcm deploy {self.via}`.",
                ),
                "engine.threads": (threads is None or threads >= 1, f"at least 1; got {threads}."),
                "engine.patience": (patience >= 0, f"0 seconds or more; got {patience}."),
            }
        )
        self.wire, self.patience, self.reach = Wire(wire), patience, reach
        self._names = sorted(clients)
        if reach is not None and threads is not None:
            torch.set_num_threads(threads)
        self.workloads: Mapping[str, Workload] = {}
        self._kept: dict[str, int] = {}
        self._keep: Sequence[Mapping[str, int]] = ()

    def sites(self) -> Sequence[str]:
        """Gives the sites, sorted."""
        return self._names

    def join(
        self, splits: Mapping[str, Sequence[str]]
    ) -> tuple[dict[str, SiteFacts], dict[str, str]]:
        """Asks sites who they are: package and config are compared, facts come back.

        Args:
            splits: for each site, those it has to have.

        Returns:
            Facts by site, and for each site that didn't join the reason.
        """
        blank = Broadcast(0, {})
        calls = {
            name: self._build_header("join", name, splits=tuple(s)) for name, s in splits.items()
        }
        facts: dict[str, SiteFacts] = {}
        reasons: dict[str, str] = {}
        for answer in self._send(calls, dict.fromkeys(splits, blank), inf):
            if answer.reply.error is not None or answer.facts is None:
                site = answer.reply.site
                reasons[site] = answer.reply.error or f"site {site}: no facts came."
            else:
                facts[answer.reply.site] = parse_facts(answer.facts)
        return facts, reasons

    def call(
        self, op: Op, messages: Mapping[str, Broadcast], timeout: float | None = None
    ) -> Iterator[Reply]:
        """Gives the sites' replies in sorted order; a failed site replies with `error`."""
        packed = {site: self.wire.pack(message) for site, message in messages.items()}
        calls = {site: self._build_header(op, site) for site in messages}
        for answer in self._send(calls, packed, timeout or inf):
            if answer.memory_round is not None and answer.reply.error is None:
                self._kept[answer.reply.site] = answer.memory_round
            yield self.wire.unpack(answer.reply)

    def test(self, messages: Mapping[str, Broadcast], saved: int | None) -> Iterator[Reply]:
        """Has sites judge their test volumes.

        Args:
            messages: the weights to judge, by site.
            saved: reconstructions each keeps at home; None keeps all.
        """
        packed = {site: self.wire.pack(message) for site, message in messages.items()}
        calls = {site: self._build_header("test", site, saved=saved) for site in messages}
        for answer in self._send(calls, packed, inf):
            yield answer.reply

    def snapshot(self) -> Mapping[str, int]:
        """Gives the round each site's memory was last written in."""
        return dict(self._kept)

    def restore(self, snapshot: Mapping[str, int]) -> None:
        """Goes back to the memories of a snapshot: the next calls name them."""
        self._kept = dict(snapshot)

    def forget_before(self, kept: Sequence[Mapping[str, int]]) -> None:
        """Notes what may be needed again; sites drop the rest at their next training."""
        self._keep = list(kept)

    def close(self) -> None:
        """Has nothing to let go of: the sites run for themselves."""

    def _send(
        self, calls: Mapping[str, CallHeader], messages: Mapping[str, Broadcast], timeout: float
    ) -> Iterator[Response]:
        return self._connected.transport.send(calls, messages, timeout, self.patience)

    @property
    def _connected(self) -> Connection:
        if self.reach is None:
            raise SiteFailed(f"engine={self.via}: sites can be called from the coordinator only.")
        return self.reach

    def _build_header(self, op: Any, site: str, **more: Any) -> CallHeader:
        share, way = self.workloads.get(site, Workload(1)), self._connected
        return CallHeader(
            op, __version__, way.config_hash, way.run_id,
            memory_round=self._kept.get(site),
            kept_rounds=sorted({s[site] for s in (*self._keep, self._kept) if site in s}),
            epochs=share.epochs, steps=share.steps, **more,
        )  # fmt: skip
