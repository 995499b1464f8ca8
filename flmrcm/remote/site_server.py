"""One call at a site: the versions are compared, the client is made, the work is done."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from flmrcm import __version__
from flmrcm.config.travelling import dump_config, hash_travelling_config
from flmrcm.engines.worker import Kept, Worker
from flmrcm.errors import DataLayoutError, FlmrcmError, SiteRefuses
from flmrcm.federation.client import Client
from flmrcm.federation.ledger import CONFIG, FACTS, FROM_SITE, TO_SITE, list_values
from flmrcm.federation.site_facts import collect_facts
from flmrcm.federation.workload import Workload
from flmrcm.learning.records import SAVED_BY_RUNS, save_volumes
from flmrcm.remote.call_header import CallHeader
from flmrcm.remote.site_settings import SiteSettings
from flmrcm.types import Broadcast, Reply

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Response:
    """What goes back to the coordinator.

    Attributes:
        reply: as it travels; all of it, or one line of error.
        kept: the round its memory is now kept under.
        facts: what it says of its data when it joins.
    """

    reply: Reply
    memory_round: Kept
    facts: Mapping[str, Any] | None = None


class SiteServer:
    """A site as its calls find it; it keeps nothing but the last run's client, to save time.

    Args:
        house: the site's own file.
    """

    def __init__(self, house: SiteSettings) -> None:
        self.settings = house
        self._last: tuple[str, Client] | None = None

    def handle(self, call: CallHeader, message: Broadcast, config: Mapping[str, Any]) -> Response:
        """Gives the answer; whatever goes wrong is one line, and its whole story stays here."""
        where = f"site {self.settings.site}, round {message.round}"
        try:
            _check_versions(call, config)
            return self._work(call, message, config)
        except DataLayoutError as error:
            log.error("%s: %s", where, error)
            why = "its data aren't as the run needs them; its own log tells which."
        except FlmrcmError as error:
            log.error("%s: %s", where, error)
            why = " ".join(str(error).splitlines())
        except Exception as error:
            log.exception("%s", where)
            why = f"{type(error).__name__}; its own log tells more."  # its words may name a path
        return Response(Reply(self.settings.site, error=f"{where}: {why}"), {})

    def _work(self, call: CallHeader, message: Broadcast, config: Mapping[str, Any]) -> Response:
        house, client = self.settings, self._find_client(call, config)
        if call.op == "join":
            return _report_facts(client, call.splits, config)
        client.workload = Workload(call.epochs, call.steps)
        memory = house.resolve_path(house.memory) / call.run_id
        worker = Worker(lambda: {house.site: client}, memory, house.threads or 0)
        if call.op == "train":
            worker.engine.store.forget_before([{house.site: round_} for round_ in call.kept_rounds])
        kept = {} if call.memory_round is None else {house.site: call.memory_round}
        reply, kept = worker.answer(call.op, house.site, message, kept)
        if call.op == "test" and reply.error is None and call.saved != 0:
            _save_volumes(client, house.resolve_path("runs") / call.run_id, call.saved)
        error = None if reply.error is None else " ".join(reply.error.splitlines())
        return Response(replace(reply, error=error), kept)

    def _find_client(self, call: CallHeader, config: Mapping[str, Any]) -> Client:
        """Gives the run's client: the one at hand, or a new one."""
        run = f"{call.run_id}/{dump_config(config)}"
        if self._last is None or self._last[0] != run:
            self._last = run, self.settings.build_client(config, call.run_id)
        return self._last[1]


def _check_versions(call: CallHeader, config: Mapping[str, Any]) -> None:
    """Refuses a run that this version of the package would understand differently.

    Raises:
        SiteRefuses: both versions, or both hashes, are shown.
    """
    if call.version != __version__:
        raise SiteRefuses(
            f"it has flmrcm {__version__}, the coordinator {call.version}; install the same."
        )
    if (own := hash_travelling_config(config)) != call.config_hash:
        raise SiteRefuses(
            f"it reads the config as {own}, the coordinator as {call.config_hash}; install "
            "the same flmrcm."
        )


def _report_facts(client: Client, splits: Sequence[str], config: Mapping[str, Any]) -> Response:
    """Gives a site's facts, and books what it was told and what it tells."""
    name, ledger = client.site.name, client.gate.ledger
    ledger.write(list_values(name, TO_SITE, CONFIG, config))
    client.site.ensure()
    facts = asdict(collect_facts(client.site, splits))
    ledger.write(list_values(name, FROM_SITE, FACTS, facts))
    return Response(Reply(name), {}, facts)


def _save_volumes(client: Client, folder: Path, most: int | None) -> None:
    """Keeps reconstructions where the images lie."""
    shop = client.runtime
    predictions = shop.evaluator.predict(shop.module, client.site)
    save_volumes(predictions, folder / "reconstructions", SAVED_BY_RUNS, most)
