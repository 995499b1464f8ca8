"""One round's calls: who is asked, which replies count, and what is noted about them."""

import logging
from collections.abc import Iterable, Iterator, Mapping

from flmrcm.errors import SiteFailed
from flmrcm.federation.engine import Engine, Op
from flmrcm.federation.ledger import Ledger, list_received, list_sent
from flmrcm.federation.participation import Suspensions, Tolerance, is_suspended
from flmrcm.federation.reply_validation import find_outliers, validate_reply
from flmrcm.federation.wire import Wire
from flmrcm.strategies.base import Strategy
from flmrcm.types import Broadcast, Measurement, Reply

log = logging.getLogger(__name__)


class RoundCalls:
    """Calls sites in one round; a site that fails isn't called again before the next.

    Args:
        engine: reaches the sites.
        strategy: says what is wrong with a reply's extras, and whether silence is borne.
        tolerance: what the round bears.
        ledger: the coordinator's book; a message is booked when its reply, or its failure, comes.
        bench: as it stands before the round.
        round_: counted from 0.
    """

    def __init__(
        self,
        engine: Engine,
        strategy: Strategy,
        tolerance: Tolerance,
        ledger: Ledger,
        bench: Suspensions,
        round_: int,
    ) -> None:
        self.engine, self.strategy, self.tolerance = engine, strategy, tolerance
        self.ledger, self.round = ledger, round_
        self._bench, self._memories = bench, engine.snapshot()
        self._answered: set[str] = set()
        self._failed: set[str] = set()
        benched = [site for site in sorted(bench) if is_suspended(bench, site, round_)]
        self.rows = [
            Measurement(round_, "attendance", site, "benched", "", 1.0) for site in benched
        ]

    @property
    def suspensions(self) -> Suspensions:
        """The bench as it stands after the calls made so far."""
        answered = self._answered - self._failed
        return self.tolerance.suspend_after_round(self._bench, self.round, answered, self._failed)

    def list_present(self, sites: Iterable[str]) -> list[str]:
        """Gives those of the sites that can be asked: neither benched nor failed before."""
        return [
            site
            for site in sites
            if site not in self._failed and not is_suspended(self._bench, site, self.round)
        ]

    def survey(self, questions: Mapping[str, Broadcast]) -> list[Reply]:
        """Gives the answers; the strategy says whether one may be missing.

        Raises:
            SiteFailed: one is, and it may not.
        """
        bears = self.strategy.tolerates_missing_target
        asked = self.list_present(questions)
        if len(asked) < len(questions) and not bears:
            raise SiteFailed(f"{', '.join(questions)}, round {self.round}: benched, not surveyed.")
        questions = {site: questions[site] for site in asked}
        return [
            self._record("survey", questions, r) for r in self._call("survey", questions, bears)
        ]

    def train(self, messages: Mapping[str, Broadcast], drawn: int) -> Iterable[Reply]:
        """Gives the good replies in sorted site order, one at a time if the strategy allows it.

        Args:
            messages: of the sites that are present.
            drawn: how many sites the plan drew.

        Raises:
            SiteFailed: there are fewer than the quorum; told behind the last reply.
        """
        replies = self._train(messages, self.tolerance.count_needed(drawn))
        return list(replies) if self.strategy.needs_all_replies else replies

    def validate(self, messages: Mapping[str, Broadcast]) -> None:
        """Notes the scores of the sites that are present."""
        judged = {site: messages[site] for site in self.list_present(messages)}
        for reply in self._call("validate", judged, self.tolerance.tolerates_failures):
            self._record("validate", judged, reply)

    def _train(self, messages: Mapping[str, Broadcast], needed: int) -> Iterator[Reply]:
        self._require_quorum(len(messages), needed)
        bears, factor, good = self.tolerance.tolerates_failures, self.tolerance.norm_factor, 0
        replies: Iterable[Reply] = self._call("train", messages, bears)
        if factor is not None:
            replies = self._drop_outliers(messages, list(replies), factor)
        for reply in replies:
            good += 1
            yield self._record("train", messages, reply)
        self._require_quorum(good, needed)
        self._undo_refused()

    def _undo_refused(self) -> None:
        """Takes sites whose training doesn't count back to the memories they had before it."""
        now = self.engine.snapshot()
        kept = {site: round_ for site, round_ in now.items() if site not in self._failed}
        kept |= {site: r for site, r in self._memories.items() if site in self._failed}
        if kept != now:
            self.engine.restore(kept)

    def _drop_outliers(
        self, messages: Mapping[str, Broadcast], replies: list[Reply], factor: float
    ) -> list[Reply]:
        odd = find_outliers(messages, replies, factor)
        for site, why in odd.items():
            self._record_missing(
                "refused",
                site,
                self._describe_refusal(site, why),
                self.tolerance.tolerates_failures,
            )
        return [reply for reply in replies if reply.site not in odd]

    def _call(self, op: Op, messages: Mapping[str, Broadcast], bears: bool) -> Iterator[Reply]:
        """Gives the replies that pass inspection; notes the others, or ends the run."""
        silent = set(messages)
        for reply in self.engine.call(op, messages, self.tolerance.timeout):
            site = reply.site
            if site not in silent:
                log.warning("round %d: a reply of %s that nobody asked for", self.round, site)
                continue
            silent.discard(site)
            message, wire = messages[site], self.engine.wire
            crossed = (
                *list_sent(op, site, message, wire),
                *list_received(op, self.round, reply, wire),
            )
            self.ledger.write(crossed)
            if reply.error is not None:
                self._record_missing("failed", site, reply.error, bears)
            elif why := self._find_flaw(op, message, reply):
                self._record_missing("refused", site, self._describe_refusal(site, why), bears)
            else:
                self._answered.add(site)
                yield reply
        for site in sorted(silent):
            self._record_missing(
                "failed", site, f"site {site}, round {self.round}: no reply.", bears
            )

    def _find_flaw(self, op: Op, message: Broadcast, reply: Reply) -> str | None:
        largest = self.tolerance.largest_reply
        return validate_reply(op, message, reply, largest) or self.strategy.validate_reply(
            op, message, reply
        )

    def _describe_refusal(self, site: str, why: str) -> str:
        return f"site {site}, round {self.round}: its reply was refused: {why}."

    def _record_missing(self, how: str, site: str, why: str, bears: bool) -> None:
        if not bears:
            raise SiteFailed(why)
        log.warning("%s The round goes on without it.", why)
        self._failed.add(site)
        self.rows.append(Measurement(self.round, "attendance", site, how, "", 1.0))

    def _require_quorum(self, present: int, needed: int) -> None:
        if present < needed:
            raise SiteFailed(
                f"round {self.round}: training needs the good replies of {needed} sites, "
                f"{present} can be had. Go on with resume=… and a lower robust.quorum."
            )

    def _record(self, op: Op, messages: Mapping[str, Broadcast], reply: Reply) -> Reply:
        message = messages[reply.site]
        self.rows.extend(build_metric_rows(op, message.round, reply))
        if op != "validate":
            add_byte_rows(self.rows, message, reply, self.engine.wire)
        return reply


def build_metric_rows(op: Op, round_: int, reply: Reply) -> Iterator[Measurement]:
    """Gives a row for each of a reply's metrics."""
    split = {"validate": "val"}.get(op, "train")
    for name, value in reply.metrics.items():
        metric, _, convention = name.partition("/") if op == "validate" else (name, "", "")
        yield Measurement(round_, split, reply.site, metric, convention, value)


def add_byte_rows(rows: list[Measurement], message: Broadcast, reply: Reply, wire: Wire) -> None:
    """Adds what crossed the wall to the site's rows of this round, one row per way and kind."""
    ways = (("sent", message.weights, message.extras), ("received", reply.weights, reply.extras))
    for way, weights, extras in ways:
        for kind, tensors in {"weights": weights, **extras}.items():
            if n_bytes := wire.count_bytes(tensors):
                row = Measurement(
                    message.round, "wire", reply.site, f"bytes_{way}/{kind}", "", n_bytes
                )
                before = next((i for i, old in enumerate(rows) if old[:5] == row[:5]), None)
                if before is None:
                    rows.append(row)
                else:
                    rows[before] = row._replace(value=rows[before].value + n_bytes)
