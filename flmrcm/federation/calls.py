"""One round's calls: who is asked, which replies count, and what is noted about them."""

import logging
from collections.abc import Iterable, Iterator, Mapping

from flmrcm.errors import SiteFailed
from flmrcm.federation.attendance import Bench, Tolerance, is_benched
from flmrcm.federation.engine import Engine, Op
from flmrcm.federation.inspection import flaw, outliers
from flmrcm.federation.ledger import Ledger, received, sent
from flmrcm.federation.wire import Wire
from flmrcm.strategies.base import Strategy
from flmrcm.types import Broadcast, Reply, Row

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
        bench: Bench,
        round_: int,
    ) -> None:
        self.engine, self.strategy, self.tolerance = engine, strategy, tolerance
        self.ledger, self.round = ledger, round_
        self._bench, self._memories = bench, engine.snapshot()
        self._answered: set[str] = set()
        self._failed: set[str] = set()
        benched = [site for site in sorted(bench) if is_benched(bench, site, round_)]
        self.rows = [Row(round_, "attendance", site, "benched", "", 1.0) for site in benched]

    @property
    def bench(self) -> Bench:
        """The bench as it stands after the calls made so far."""
        answered = self._answered - self._failed
        return self.tolerance.bench_after_round(self._bench, self.round, answered, self._failed)

    def present(self, sites: Iterable[str]) -> list[str]:
        """Gives those of the sites that can be asked: neither benched nor failed before."""
        return [
            site
            for site in sites
            if site not in self._failed and not is_benched(self._bench, site, self.round)
        ]

    def survey(self, questions: Mapping[str, Broadcast]) -> list[Reply]:
        """Gives the answers; the strategy says whether one may be missing.

        Raises:
            SiteFailed: one is, and it may not.
        """
        bears = self.strategy.bears_silence
        asked = self.present(questions)
        if len(asked) < len(questions) and not bears:
            raise SiteFailed(f"{', '.join(questions)}, round {self.round}: benched, not surveyed.")
        questions = {site: questions[site] for site in asked}
        return [self._noted("survey", questions, r) for r in self._good("survey", questions, bears)]

    def train(self, messages: Mapping[str, Broadcast], drawn: int) -> Iterable[Reply]:
        """Gives the good replies in sorted site order, one at a time if the strategy allows it.

        Args:
            messages: of the sites that are present.
            drawn: how many sites the plan drew.

        Raises:
            SiteFailed: there are fewer than the quorum; told behind the last reply.
        """
        replies = self._trained(messages, self.tolerance.needed(drawn))
        return list(replies) if self.strategy.needs_all_replies else replies

    def evaluate(self, messages: Mapping[str, Broadcast]) -> None:
        """Notes the scores of the sites that are present."""
        judged = {site: messages[site] for site in self.present(messages)}
        for reply in self._good("evaluate", judged, self.tolerance.bears_failures):
            self._noted("evaluate", judged, reply)

    def _trained(self, messages: Mapping[str, Broadcast], needed: int) -> Iterator[Reply]:
        self._require(len(messages), needed)
        bears, factor, good = self.tolerance.bears_failures, self.tolerance.norm_factor, 0
        replies: Iterable[Reply] = self._good("train", messages, bears)
        if factor is not None:
            replies = self._usual(messages, list(replies), factor)
        for reply in replies:
            good += 1
            yield self._noted("train", messages, reply)
        self._require(good, needed)
        self._undo_refused()

    def _undo_refused(self) -> None:
        """Takes sites whose training doesn't count back to the memories they had before it."""
        now = self.engine.snapshot()
        kept = {site: round_ for site, round_ in now.items() if site not in self._failed}
        kept |= {site: r for site, r in self._memories.items() if site in self._failed}
        if kept != now:
            self.engine.restore(kept)

    def _usual(
        self, messages: Mapping[str, Broadcast], replies: list[Reply], factor: float
    ) -> list[Reply]:
        odd = outliers(messages, replies, factor)
        for site, why in odd.items():
            self._miss("refused", site, self._refusal(site, why), self.tolerance.bears_failures)
        return [reply for reply in replies if reply.site not in odd]

    def _good(self, op: Op, messages: Mapping[str, Broadcast], bears: bool) -> Iterator[Reply]:
        """Gives the replies that pass inspection; notes the others, or ends the run."""
        silent = set(messages)
        for reply in self.engine.call(op, messages, self.tolerance.timeout):
            site = reply.site
            if site not in silent:
                log.warning("round %d: a reply of %s that nobody asked for", self.round, site)
                continue
            silent.discard(site)
            message, wire = messages[site], self.engine.wire
            crossed = *sent(op, site, message, wire), *received(op, self.round, reply, wire)
            self.ledger.write(crossed)
            if reply.error is not None:
                self._miss("failed", site, reply.error, bears)
            elif why := self._flaw(op, message, reply):
                self._miss("refused", site, self._refusal(site, why), bears)
            else:
                self._answered.add(site)
                yield reply
        for site in sorted(silent):
            self._miss("failed", site, f"site {site}, round {self.round}: no reply.", bears)

    def _flaw(self, op: Op, message: Broadcast, reply: Reply) -> str | None:
        largest = self.tolerance.largest_reply
        return flaw(op, message, reply, largest) or self.strategy.flaw(op, message, reply)

    def _refusal(self, site: str, why: str) -> str:
        return f"site {site}, round {self.round}: its reply was refused: {why}."

    def _miss(self, how: str, site: str, why: str, bears: bool) -> None:
        if not bears:
            raise SiteFailed(why)
        log.warning("%s The round goes on without it.", why)
        self._failed.add(site)
        self.rows.append(Row(self.round, "attendance", site, how, "", 1.0))

    def _require(self, present: int, needed: int) -> None:
        if present < needed:
            raise SiteFailed(
                f"round {self.round}: training needs the good replies of {needed} sites, "
                f"{present} can be had. Go on with resume=… and a lower robust.quorum."
            )

    def _noted(self, op: Op, messages: Mapping[str, Broadcast], reply: Reply) -> Reply:
        message = messages[reply.site]
        self.rows.extend(measured(op, message.round, reply))
        if op != "evaluate":
            add_moved(self.rows, message, reply, self.engine.wire)
        return reply


def measured(op: Op, round_: int, reply: Reply) -> Iterator[Row]:
    """Gives a row for each of a reply's metrics."""
    split = {"evaluate": "val"}.get(op, "train")
    for name, value in reply.metrics.items():
        metric, _, convention = name.partition("/") if op == "evaluate" else (name, "", "")
        yield Row(round_, split, reply.site, metric, convention, value)


def add_moved(rows: list[Row], message: Broadcast, reply: Reply, wire: Wire) -> None:
    """Adds what crossed the wall to the site's rows of this round, one row per way and kind."""
    ways = (("sent", message.weights, message.extras), ("received", reply.weights, reply.extras))
    for way, weights, extras in ways:
        for kind, tensors in {"weights": weights, **extras}.items():
            if n_bytes := wire.n_bytes(tensors):
                row = Row(message.round, "wire", reply.site, f"bytes_{way}/{kind}", "", n_bytes)
                before = next((i for i, old in enumerate(rows) if old[:5] == row[:5]), None)
                if before is None:
                    rows.append(row)
                else:
                    rows[before] = row._replace(value=rows[before].value + n_bytes)
