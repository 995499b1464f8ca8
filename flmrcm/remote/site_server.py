"""One call at a site: versions are compared, the run's client is built, and it is called."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from flmrcm import __version__
from flmrcm.config.travelling import dump_config, hash_travelling_config
from flmrcm.errors import DataLayoutError, FlmrcmError, SiteRefuses
from flmrcm.federation.client import Client, call_site
from flmrcm.federation.memory import MemoryStore
from flmrcm.federation.site_facts import collect_facts
from flmrcm.federation.workload import Workload
from flmrcm.middleware.ledger import (
    CONFIG,
    FACTS,
    FROM_SITE,
    LEDGER,
    TO_SITE,
    Ledger,
    list_values,
)
from flmrcm.remote.connection import CallHeader, Response
from flmrcm.remote.site_settings import SiteSettings
from flmrcm.types import Broadcast, Reply

log = logging.getLogger(__name__)


class SiteServer:
    """Answers a site's calls; it only keeps the last run's client, to save time.

    Args:
        settings: the site's own file.
    """

    def __init__(self, settings: SiteSettings) -> None:
        self.settings = settings
        self._last: tuple[str, Client] | None = None

    def handle(self, call: CallHeader, message: Broadcast, config: Mapping[str, Any]) -> Response:
        """Return the response; a failure is one line, and its details stay in the site's log.

        Args:
            call: the call's header.
            message: as it travelled.
            config: of the run, as it travelled.
        """
        where = f"site {self.settings.site}, round {message.round}"
        try:
            _check_versions(call, config)
            return self._work(call, message, config)
        except DataLayoutError as error:
            log.error("%s: %s", where, error)
            why = "its data aren't as the run needs them; its own log says which."
        except FlmrcmError as error:
            log.error("%s: %s", where, error)
            why = " ".join(str(error).splitlines())
        except Exception as error:
            log.exception("%s", where)
            # the error's own text may name a path
            why = f"{type(error).__name__}; its own log says more."
        return Response(Reply(self.settings.site, error=f"{where}: {why}"))

    def _work(self, call: CallHeader, message: Broadcast, config: Mapping[str, Any]) -> Response:
        client, settings = self._find_client(call, config), self.settings
        if call.op == "join":
            ledger = Ledger(settings.build_folder(call.run_id) / LEDGER)
            return _report_facts(client, call.splits, config, ledger)
        # without a cache: the next call may come to another process of this site
        store = MemoryStore(settings.resolve_path(settings.memory) / call.run_id, budget=0)
        if call.op == "train":
            store.forget_before([{settings.site: round_} for round_ in call.kept_rounds])
        if call.memory_round is not None:
            store.restore({settings.site: call.memory_round})
        workload = Workload(call.epochs, call.steps)
        reply = call_site(client, call.op, message, store, workload, settings.threads)
        error = None if reply.error is None else " ".join(reply.error.splitlines())
        return Response(replace(reply, error=error), store.snapshot().get(settings.site))

    def _find_client(self, call: CallHeader, config: Mapping[str, Any]) -> Client:
        """Return the run's client: the last one made, or a new one."""
        run = f"{call.run_id}/{dump_config(config)}"
        if self._last is None or self._last[0] != run:
            self._last = run, self.settings.build_client(config, call.run_id)
        return self._last[1]


def _check_versions(call: CallHeader, config: Mapping[str, Any]) -> None:
    """Raise an error for a run that this version of the package would understand differently.

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


def _report_facts(
    client: Client, splits: Sequence[str], config: Mapping[str, Any], ledger: Ledger
) -> Response:
    """Return a site's facts; the ledger gets the config it was sent and the facts it sends."""
    site = client.site
    ledger.write(list_values(site.name, TO_SITE, CONFIG, config))
    site.ensure()
    facts = asdict(collect_facts(site, splits))
    ledger.write(list_values(site.name, FROM_SITE, FACTS, facts))
    return Response(Reply(site.name), facts=facts)
