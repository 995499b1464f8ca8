"""Sites on other machines: the coordinator calls them alike, whatever transport it uses."""

from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from math import inf
from typing import Any, ClassVar

import torch

from flmrcm import __version__
from flmrcm.errors import ConfigErrors, SiteFailed, require
from flmrcm.federation.clients import Clients
from flmrcm.federation.engine import Joined, Operation
from flmrcm.federation.memory import MemoryStore
from flmrcm.federation.site_facts import SiteFacts
from flmrcm.federation.workload import Workload
from flmrcm.remote.connection import CallHeader, Connection, Response
from flmrcm.types import Broadcast, Reply


class RemoteEngine:
    """Sends calls to sites on other machines; images and private memories stay there.

    Args:
        clients: the sites' names; their clients are at the sites.
        store: not used; memories lie at the sites.
        federation: the coordinator's folder, as `flmrcm deploy` made it.
        patience: seconds to wait for a site that is not connected.
        threads: torch threads of the coordinator, not of the sites; None leaves torch's choice.
        connection: to the sites; only the coordinator's process has one.

    Attributes:
        via: the transport, as `engine=` and `flmrcm deploy` name it.
        package: has to be installed for it.

    Raises:
        ConfigErrors: the package is not installed, or a value is outside its range.
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
        connection: Connection | None = None,
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
        self.patience, self.connection = patience, connection
        self.workloads: Mapping[str, Workload] = {}
        self._names = sorted(clients)
        if connection is not None and threads is not None:
            torch.set_num_threads(threads)
        self.files = store.files
        self._memory_rounds: dict[str, int] = {}
        self._kept: Sequence[Mapping[str, int]] = ()

    def sites(self) -> Sequence[str]:
        """Return the sites, sorted."""
        return self._names

    def join(self, splits: Mapping[str, Sequence[str]]) -> Joined:
        """Ask sites for facts; each compares its package's version and the config's hash."""
        headers = {name: self._build_header("join", name, tuple(s)) for name, s in splits.items()}
        facts: dict[str, SiteFacts] = {}
        reasons: dict[str, str] = {}
        kinds: dict[str, str] = {}
        for response in self._send(headers, dict.fromkeys(splits, Broadcast(0, {})), inf):
            site, known = response.reply.site, response.facts
            lacking = sorted({*splits[site]} - {*known.splits}) if known is not None else []
            if lacking:
                reasons[site] = f"site {site}: it has no '{lacking[0]}', which the run needs."
            elif response.reply.error is None and known is not None:
                facts[site] = known
            else:
                reasons[site] = response.reply.error or f"site {site}: it sent no facts."
                kinds |= {site: response.reply.error_kind} if response.reply.error_kind else {}
        return Joined(facts, reasons, kinds)

    def call(
        self, op: Operation, messages: Mapping[str, Broadcast], timeout: float | None = None
    ) -> Iterator[Reply]:
        """Return the sites' replies in sorted order; a failed site replies with `error`."""
        headers = {site: self._build_header(op, site) for site in messages}
        for response in self._send(headers, messages, timeout or inf):
            reply = response.reply
            # after an error the site's memory is as before the call
            if response.memory_round is not None and reply.error is None:
                self._memory_rounds[reply.site] = response.memory_round
            yield reply

    def snapshot(self) -> Mapping[str, int]:
        """Return the round each site's memory was last written in."""
        return dict(self._memory_rounds)

    def restore(self, snapshot: Mapping[str, int]) -> None:
        """Go back to the memories of a snapshot: the next calls name them."""
        self._memory_rounds = dict(snapshot)

    def forget_before(self, kept: Sequence[Mapping[str, int]]) -> None:
        """Note the kept snapshots; sites drop all other memories at their next training."""
        self._kept = list(kept)

    def close(self) -> None:
        """Do nothing: the sites' processes do not belong to the coordinator."""

    def _send(
        self, headers: Mapping[str, CallHeader], messages: Mapping[str, Broadcast], timeout: float
    ) -> Iterator[Response]:
        return self._connected.transport.send(headers, messages, timeout, self.patience)

    @property
    def _connected(self) -> Connection:
        if self.connection is None:
            raise SiteFailed(f"engine={self.via}: sites can be called from the coordinator only.")
        return self.connection

    def _build_header(self, op: Any, site: str, splits: Sequence[str] = ()) -> CallHeader:
        workload, connection = self.workloads.get(site, Workload(1)), self._connected
        # a resumed run may start from any of these
        snapshots = (*self._kept, self._memory_rounds)
        return CallHeader(
            op,
            __version__,
            connection.config_hash,
            connection.run_id,
            memory_round=self._memory_rounds.get(site),
            kept_rounds=sorted({rounds[site] for rounds in snapshots if site in rounds}),
            epochs=workload.epochs,
            steps=workload.steps,
            splits=splits,
        )
