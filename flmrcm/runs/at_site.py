"""One call at a site: the versions are compared, the client is made, the work is done."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from flmrcm import __version__
from flmrcm.assembly.abroad import as_text, travel_hash
from flmrcm.assembly.house import House
from flmrcm.engines.worker import Kept, Worker
from flmrcm.errors import DataLayoutError, FlmrcmError, SiteRefuses
from flmrcm.federation.budget import Share
from flmrcm.federation.call import Call
from flmrcm.federation.client import Client
from flmrcm.federation.facts import facts_of
from flmrcm.federation.ledger import CONFIG, FACTS, FROM_SITE, TO_SITE, told
from flmrcm.learning.records import save_volumes
from flmrcm.runs.judgement import Judgement
from flmrcm.types import Broadcast, Reply

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answer:
    """What goes back to the coordinator.

    Attributes:
        reply: as it travels; all of it, or one line of error.
        kept: the round its memory is now kept under.
        facts: what it says of its data when it joins.
    """

    reply: Reply
    kept: Kept
    facts: Mapping[str, Any] | None = None


class Host:
    """A site as its calls find it; it keeps nothing but the last run's client, to save time.

    Args:
        house: the site's own file.
    """

    def __init__(self, house: House) -> None:
        self.house = house
        self._made: tuple[str, Client] | None = None

    def answered(self, call: Call, message: Broadcast, config: Mapping[str, Any]) -> Answer:
        """Gives the answer; whatever goes wrong is one line, and its whole story stays here."""
        where = f"site {self.house.site}, round {message.round}"
        try:
            _compare(call, config)
            return self._worked(call, message, config)
        except DataLayoutError as error:
            log.error("%s: %s", where, error)
            why = "its data aren't as the run needs them; its own log tells which."
        except FlmrcmError as error:
            log.error("%s: %s", where, error)
            why = " ".join(str(error).splitlines())
        except Exception as error:
            log.exception("%s", where)
            why = f"{type(error).__name__}; its own log tells more."  # its words may name a path
        return Answer(Reply(self.house.site, error=f"{where}: {why}"), {})

    def _worked(self, call: Call, message: Broadcast, config: Mapping[str, Any]) -> Answer:
        house, client = self.house, self._client(call, config)
        if call.op == "join":
            return _introduced(client, call.splits, config)
        client.share = Share(call.passes, call.steps)
        memory = house.path(house.memory) / call.experiment
        worker = Worker(lambda: {house.site: client}, memory, house.threads or 0)
        if call.op == "train":
            worker.engine.store.forget_before([{house.site: round_} for round_ in call.keep])
        kept = {} if call.kept is None else {house.site: call.kept}
        reply, kept = worker.answer(call.op, house.site, message, kept)
        if call.op == "judge" and reply.error is None and call.saved != 0:
            _keep_volumes(client, house.path("runs") / call.experiment, call.saved)
        error = None if reply.error is None else " ".join(reply.error.splitlines())
        return Answer(replace(reply, error=error), kept)

    def _client(self, call: Call, config: Mapping[str, Any]) -> Client:
        """Gives the run's client: the one at hand, or a new one."""
        run = f"{call.experiment}/{as_text(config)}"
        if self._made is None or self._made[0] != run:
            self._made = run, self.house.client(config, call.experiment)
        return self._made[1]


def _compare(call: Call, config: Mapping[str, Any]) -> None:
    """Refuses a run that this version of the package would understand differently.

    Raises:
        SiteRefuses: both versions, or both hashes, are shown.
    """
    if call.version != __version__:
        raise SiteRefuses(
            f"it has flmrcm {__version__}, the coordinator {call.version}; install the same."
        )
    if (own := travel_hash(config)) != call.config_hash:
        raise SiteRefuses(
            f"it reads the config as {own}, the coordinator as {call.config_hash}; install "
            "the same flmrcm."
        )


def _introduced(client: Client, splits: Sequence[str], config: Mapping[str, Any]) -> Answer:
    """Gives a site's facts, and books what it was told and what it tells."""
    name, ledger = client.site.name, client.border.ledger
    ledger.write(told(name, TO_SITE, CONFIG, config))
    client.site.ensure()
    facts = asdict(facts_of(client.site, splits))
    ledger.write(told(name, FROM_SITE, FACTS, facts))
    return Answer(Reply(name), {}, facts)


def _keep_volumes(client: Client, folder: Path, most: int | None) -> None:
    """Keeps reconstructions where the images lie."""
    shop = client.shop
    predictions = shop.judge.predict(shop.module, client.site)
    save_volumes(predictions, folder / "reconstructions", Judgement("").kinds, most)
