"""One round's calls: which sites are called, which replies count, and what the journal gets."""

import logging
from collections.abc import Iterable, Iterator, Mapping

from flmrcm.errors import SiteFailed
from flmrcm.federation.engine import Engine, Operation
from flmrcm.federation.participation import Suspensions, Tolerance, is_suspended
from flmrcm.federation.server_chain import Exchange, ServerChain
from flmrcm.strategies.base import Strategy
from flmrcm.types import Broadcast, Measurement, Reply, Weights

log = logging.getLogger(__name__)


class RoundCalls:
    """Calls sites in one round; a site that fails is not called again before the next.

    Args:
        engine: reaches the sites.
        strategy: says whether the answer to a survey may be missing.
        tolerance: which failures the round tolerates.
        chain: the server's halves of the middleware.
        suspensions: as they stand before the round.
        round_: counted from 0.
    """

    def __init__(
        self,
        engine: Engine,
        strategy: Strategy,
        tolerance: Tolerance,
        chain: ServerChain,
        suspensions: Suspensions,
        round_: int,
    ) -> None:
        self.engine, self.strategy, self.tolerance = engine, strategy, tolerance
        self.chain, self.round = chain, round_
        self._before, self._memories = suspensions, engine.snapshot()
        self._answered: set[str] = set()
        self._failed: set[str] = set()
        self.rows: list[Measurement] = []
        self.fine_tuned = False
        for site in sorted(suspensions):
            if is_suspended(suspensions, site, round_):
                self._note_absence("suspended", site)

    @property
    def suspensions(self) -> Suspensions:
        """The suspensions after the calls made so far."""
        answered = self._answered - self._failed
        return self.tolerance.suspend_after_round(self._before, self.round, answered, self._failed)

    def list_present(self, sites: Iterable[str]) -> list[str]:
        """Return those of the sites that can be called: neither suspended nor failed before."""
        return [
            site
            for site in sites
            if site not in self._failed and not is_suspended(self._before, site, self.round)
        ]

    def survey(self, questions: Mapping[str, Broadcast]) -> list[Reply]:
        """Return the answers to the strategy's survey.

        Raises:
            SiteFailed: an answer is missing, and the strategy does not tolerate that.
        """
        tolerated = self.strategy.tolerates_missing_target
        present = self.list_present(questions)
        if len(present) < len(questions) and not tolerated:
            raise SiteFailed(f"{', '.join(questions)}, round {self.round}: suspended, no survey.")
        questions = {site: questions[site] for site in present}
        return [self._record("survey", x) for x in self._call("survey", questions, tolerated)]

    def train(self, messages: Mapping[str, Broadcast], drawn: int) -> Iterable[Reply]:
        """Return the good replies in sorted site order, one at a time where that is enough.

        Args:
            messages: of the sites that are present.
            drawn: how many sites the plan drew.

        Raises:
            SiteFailed: there are fewer than the quorum; raised after the last reply.
        """
        replies = self._train(messages, self.tolerance.count_needed(drawn))
        return list(replies) if self.strategy.needs_all_replies else replies

    def validate(self, messages: Mapping[str, Broadcast]) -> None:
        """Validate at the sites that are present and note their scores."""
        self._note("validate", messages)

    def fine_tune(self, messages: Mapping[str, Broadcast]) -> None:
        """Have the sites that are present train for themselves and note what it took."""
        self.fine_tuned = True
        self._note("finetune", messages)

    def _note(self, op: Operation, messages: Mapping[str, Broadcast]) -> None:
        present = {site: messages[site] for site in self.list_present(messages)}
        for exchange in self._call(op, present, self.tolerance.tolerates_failures):
            self._record(op, exchange)

    def _train(self, messages: Mapping[str, Broadcast], needed: int) -> Iterator[Reply]:
        self._require_quorum(len(messages), needed)
        exchanges: Iterable[Exchange] = self._call(
            "train", messages, self.tolerance.tolerates_failures
        )
        if self.chain.needs_all_replies:
            exchanges = self._check_together(messages, list(exchanges))
        good = 0
        # one reply at a time: a mean is updated with it, and its memory is free for the next
        for exchange in exchanges:
            good += 1
            yield self._record("train", exchange)
        self._require_quorum(good, needed)
        self._undo_refused()

    def _check_together(
        self, messages: Mapping[str, Broadcast], exchanges: list[Exchange]
    ) -> Iterator[Exchange]:
        """Return the exchanges that count once the chain has seen all of the round's replies."""
        replies = self.chain.on_round(messages, [exchange.reply for exchange in exchanges])
        for exchange, reply in zip(exchanges, replies, strict=True):
            if reply.error is None:
                yield exchange._replace(reply=reply)
            else:
                self._note_failure("refused", reply, self.tolerance.tolerates_failures)

    def _undo_refused(self) -> None:
        """Give sites whose training does not count the memories that they had before it."""
        now = self.engine.snapshot()
        kept = {site: round_ for site, round_ in now.items() if site not in self._failed}
        kept |= {site: r for site, r in self._memories.items() if site in self._failed}
        if kept != now:
            self.engine.restore(kept)

    def _call(
        self, op: Operation, messages: Mapping[str, Broadcast], tolerated: bool
    ) -> Iterator[Exchange]:
        """Return the exchanges whose reply counts; note the others, or end the run."""
        awaited = set(messages)
        # every site that was called has to reply once; what else comes is left out
        for exchange in self.chain.call(self.engine, op, messages, self.tolerance.timeout):
            reply = exchange.reply
            if reply.site not in awaited:
                log.warning("round %d: an unexpected reply of %s", self.round, reply.site)
                continue
            awaited.discard(reply.site)
            if reply.error is not None:
                self._note_failure("refused" if exchange.refused else "failed", reply, tolerated)
            else:
                self._answered.add(reply.site)
                yield exchange
        for site in sorted(awaited):
            why = f"site {site}, round {self.round}: no reply."
            self._note_failure("failed", Reply(site, error=why), tolerated)

    def _note_failure(self, how: str, reply: Reply, tolerated: bool) -> None:
        """Note a site that failed or was refused, or end the run where that is not tolerated."""
        if not tolerated:
            raise SiteFailed(reply.error)
        log.warning("%s The round goes on without it.", reply.error)
        self._failed.add(reply.site)
        self._note_absence(how, reply.site)

    def _note_absence(self, how: str, site: str) -> None:
        self.rows.append(Measurement(self.round, "participation", site, how, "", 1.0))

    def _require_quorum(self, present: int, needed: int) -> None:
        if present < needed:
            raise SiteFailed(
                f"round {self.round}: training needs the good replies of {needed} sites, "
                f"{present} can be had. Go on with resume=… and a lower robust.quorum."
            )

    def _record(self, op: Operation, exchange: Exchange) -> Reply:
        self.rows.extend(build_metric_rows(op, self.round, exchange.reply))
        if op != "validate":  # the journal counts training's traffic only; the ledger has all
            add_byte_rows(self.rows, exchange.sent, exchange.received)
        return exchange.reply


def build_metric_rows(op: Operation, round_: int, reply: Reply) -> Iterator[Measurement]:
    """Return a row for each of a reply's metrics."""
    split = {"validate": "val"}.get(op, "train")
    for name, value in reply.metrics.items():
        metric, _, convention = name.partition("/") if op == "validate" else (name, "", "")
        yield Measurement(round_, split, reply.site, metric, convention, value)


def add_byte_rows(rows: list[Measurement], sent: Broadcast, received: Reply) -> None:
    """Add the bytes that crossed to the site's rows of this round, one row per direction and kind.

    Args:
        rows: of the round; a row that is there already, from its survey, grows.
        sent: the message as it travelled.
        received: the reply as it travelled.
    """
    directions = (
        ("sent", sent.weights, sent.extras),
        ("received", received.weights, received.extras),
    )
    for direction, weights, extras in directions:
        for kind, tensors in {"weights": weights, **extras}.items():
            if n_bytes := _count_bytes(tensors):
                metric = f"bytes_{direction}/{kind}"
                row = Measurement(sent.round, "wire", received.site, metric, "", n_bytes)
                before = next((i for i, old in enumerate(rows) if old[:5] == row[:5]), None)
                if before is None:
                    rows.append(row)
                else:
                    rows[before] = row._replace(value=rows[before].value + n_bytes)


def _count_bytes(tensors: Weights) -> int:
    return sum(tensor.nbytes for tensor in tensors.values())
