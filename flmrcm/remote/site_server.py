"""One call at a site: read, asked for, checked, built, answered; whatever fails is one word."""

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from flmrcm.config.policies import locate_book
from flmrcm.config.travelling import (
    TRAVELLING_KEYS,
    accept_travelling_config,
    digest_experiment,
    dump_config,
    hash_travelling_config,
)
from flmrcm.errors import SiteRefuses
from flmrcm.federation.client import Client
from flmrcm.federation.engine import JOIN, TRAINING
from flmrcm.federation.memory import MemoryStore
from flmrcm.federation.site_call import answer_call
from flmrcm.federation.site_facts import collect_facts
from flmrcm.federation.workload import Workload
from flmrcm.files import flush_files
from flmrcm.middleware.admission import Admission
from flmrcm.middleware.ledger import (
    CONFIG,
    FACTS,
    FROM_SITE,
    LEDGER,
    TO_SITE,
    Ledger,
    list_error,
    list_sent,
    list_values,
)
from flmrcm.middleware.policy import SitePolicy
from flmrcm.remote.codec import Envelope, decode_call, encode_response
from flmrcm.remote.connection import CallHeader, Response
from flmrcm.remote.heads import EnvelopeError
from flmrcm.remote.site_errors import find_kind
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

    def answer(self, envelope: Envelope, config: str) -> Envelope:
        """Return the answer to anything that arrives; this never raises an error.

        Args:
            envelope: a call, as it travelled.
            config: of the run, JSON, as it travelled.
        """
        try:
            call, message = decode_call(envelope)
            response = self.handle(call, message, _parse_config(config))
            return encode_response(response)
        except Exception as error:
            return self.fail(error)

    def fail(self, error: Exception) -> Envelope:
        """Return the answer to what cannot be read; the error stays in the site's log."""
        log.error("site %s: a call can't be answered", self.settings.site, exc_info=error)
        return encode_response(self._fail(find_kind(error)))

    def handle(self, call: CallHeader, message: Broadcast, config: Mapping[str, Any]) -> Response:
        """Return the response; a failure is one word, and its details stay in the site's log.

        Args:
            call: the call's header, checked.
            message: as it travelled.
            config: of the run, as it travelled.
        """
        ledger, site = self._open_ledger(call), self.settings.site
        client = None
        try:
            if call.op == JOIN:
                known = {key: config[key] for key in TRAVELLING_KEYS if key in config}
                ledger.write(list_values(site, TO_SITE, CONFIG, known))
            client = self._admit(call, message.round, config)
            return self._work(client, call, message, config)
        except Exception as error:
            where = f"site {site}, round {message.round}"
            if isinstance(error, SiteRefuses):
                log.error("%s: %s", where, error)
            else:
                log.exception("%s", where)
            # a client's chain has recorded what arrived
            arrived = list_sent(call.op, site, message) if client is None else ()
            kind = find_kind(error)
            ledger.write([*arrived, list_error(message.round, site, call.op, kind)])
            return self._fail(kind)

    def _admit(self, call: CallHeader, round_: int, config: Mapping[str, Any]) -> Client:
        """Ask the policy, then look at the config, and only then build what it describes."""
        settings, policy = self.settings, self.settings.read_policy()
        self._ask(policy, call, round_, config)
        accepted = accept_travelling_config(config, settings.site, settings.list_allowed())
        if hash_travelling_config(config) != call.config_hash:
            raise SiteRefuses(f"not the coordinator's {call.config_hash}.", "config_hash")
        return self._find_client(call, accepted, policy)

    def _work(
        self, client: Client, call: CallHeader, message: Broadcast, config: Mapping[str, Any]
    ) -> Response:
        settings = self.settings
        if call.op == JOIN:
            return self._report_facts(client, call)
        store = self._open_memory(call, config)
        workload = Workload(call.epochs, call.steps)
        reply = answer_call(client, call.op, message, store, workload, settings.threads)
        if call.op in TRAINING:
            # with the memory that the reply names, the account of it is on disk
            flush_files([settings.build_folder(call.run_id) / LEDGER])
        return Response(reply, store.snapshot().get(settings.site))

    def _open_memory(self, call: CallHeader, config: Mapping[str, Any]) -> MemoryStore:
        """Return the memory of a run's very config: another one could share what this one keeps."""
        site, folder = self.settings.site, self.settings.resolve_path(self.settings.memory)
        # without a cache: the next call may come to another process of this site
        store = MemoryStore(folder / call.run_id / digest_experiment(config), budget=0)
        if call.op in TRAINING:
            store.forget_before([{site: round_} for round_ in call.kept_rounds])
        if call.memory_round is not None:
            store.restore({site: call.memory_round})
        return store

    def _ask(
        self,
        policy: SitePolicy | None,
        call: CallHeader,
        round_: int,
        config: Mapping[str, Any],
    ) -> None:
        """Ask the policy whether the call may be answered; the strategy is known by its name."""
        if policy is None:
            return
        strategy = config.get("strategy")
        target = strategy.get("_target_") if isinstance(strategy, Mapping) else None
        path = self.settings.resolve_path(self.settings.policy or "")
        Admission(policy, locate_book(path)).ask(call.op, str(target).rpartition(".")[2], round_)

    def _find_client(
        self, call: CallHeader, config: Mapping[str, Any], policy: SitePolicy | None
    ) -> Client:
        """Return the run's client: the last one made, or a new one."""
        run = f"{call.run_id}/{policy}/{dump_config(config)}"
        if self._last is None or self._last[0] != run:
            self._last = run, self.settings.build_client(config, call.run_id, policy)
        return self._last[1]

    def _report_facts(self, client: Client, call: CallHeader) -> Response:
        """Return a site's facts, recorded as they leave."""
        site = client.site
        site.ensure()
        facts = collect_facts(site, call.splits)
        self._open_ledger(call).write(list_values(site.name, FROM_SITE, FACTS, asdict(facts)))
        return Response(Reply(site.name), facts=facts)

    def _open_ledger(self, call: CallHeader) -> Ledger:
        return Ledger(self.settings.build_folder(call.run_id) / LEDGER)

    def _fail(self, kind: str) -> Response:
        return Response(Reply(self.settings.site, error=kind, error_kind=kind))


def _parse_config(text: str) -> Mapping[str, Any]:
    config = json.loads(text)
    if not isinstance(config, Mapping):
        raise EnvelopeError("its config is no lines of KEY: VALUE.")
    return config
