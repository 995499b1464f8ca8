"""The federated round, as the paper has it; it knows no transport, no data set, no GPU."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from flmrcm.errors import SiteFailed, require
from flmrcm.federation.checkpoint import Checkpoint, CheckpointFolder
from flmrcm.federation.engine import Engine, Op
from flmrcm.federation.journal import Journal, Tracker
from flmrcm.seeding import seed_for
from flmrcm.strategies.base import Strategy
from flmrcm.types import Broadcast, Reply, Row, ServerState, Weights

BEST_BY = "psnr/fastmri"
"""The validation metric whose mean over participants chooses `best.pt`."""


@dataclass(frozen=True)
class Plan:
    """How many rounds, and what happens in them.

    Args:
        rounds: in all.
        participants: the sites that train.
        judged: the sites whose validation split is judged.
        chosen_by: the sites whose mean validation score chooses `best.pt`; the participants, unless
            their data are pooled.
        participation: share of the participants drawn each round, in (0, 1].
        validate_every: rounds between validations; the last round is always validated.
        seed: of the draw of participants.

    Raises:
        ConfigErrors: a value outside its range.
    """

    rounds: int
    participants: Sequence[str]
    judged: Sequence[str]
    participation: float = 1.0
    validate_every: int = 1
    seed: int = 0
    chosen_by: Sequence[str] = ()

    def __post_init__(self) -> None:
        require(
            {
                "rounds": (self.rounds >= 1, f"at least 1; got {self.rounds}."),
                "participation": (
                    0 < self.participation <= 1,
                    f"a share in (0, 1]; got {self.participation}.",
                ),
                "validate_every": (
                    self.validate_every >= 1,
                    f"at least 1; got {self.validate_every}.",
                ),
            }
        )

    def training_sites(self, round_: int) -> list[str]:
        """Gives the sites that train in a round, sorted."""
        count = max(1, round(self.participation * len(self.participants)))
        rng = np.random.default_rng(seed_for("participation", self.seed, round_))
        return sorted(rng.permutation(sorted(self.participants))[:count].tolist())

    def validates(self, round_: int) -> bool:
        """Tells whether a round ends with validation."""
        return (round_ + 1) % self.validate_every == 0 or round_ + 1 == self.rounds


@dataclass(frozen=True)
class Federation:
    """A server with its sites behind an engine.

    Args:
        strategy: the algorithm.
        engine: reaches the sites.
        plan: the rounds.
        checkpoints: where whole rounds are kept.
        journal: where every measurement goes.
        trackers: shown what the journal gets.
    """

    strategy: Strategy
    engine: Engine
    plan: Plan
    checkpoints: CheckpointFolder
    journal: Journal
    trackers: Sequence[Tracker] = ()

    def run(self, initial: Weights) -> ServerState:
        """Runs the rounds that are still missing and gives the state after the last.

        Args:
            initial: the model's weights, used where there's no checkpoint to go on from.

        Raises:
            SiteFailed: a site couldn't answer; every whole round before is kept.
        """
        state, first, best = self._start(initial)
        for tracker in self.trackers:
            tracker.start(self.journal.read())
        for round_ in range(first, self.plan.rounds):
            state, rows = self._round(state, round_)
            # of two equal scores the earlier one is the best
            best = max(best, (_score(rows, self.plan.chosen_by or self.plan.participants), -round_))
            self._record(rows)
            self._keep(round_, state, best)
        return state

    def _start(self, initial: Weights) -> tuple[ServerState, int, tuple[float, int]]:
        checkpoint = self.checkpoints.load()
        if checkpoint is None:
            self.journal.path.unlink(missing_ok=True)
            # copies: the weights given are often those of the very module that sites train
            shared = {k: v.clone() for k, v in initial.items() if self.strategy.is_shared(k)}
            return self.strategy.start(shared, self.plan.participants), 0, (-float("inf"), 1)
        self.journal.cut_after(checkpoint.round)
        self.engine.restore(checkpoint.memory)
        best = checkpoint.best_score, -checkpoint.best_round
        return checkpoint.state, checkpoint.round + 1, best

    def _round(self, state: ServerState, round_: int) -> tuple[ServerState, list[Row]]:
        rows: list[Row] = []
        strategy, sites = self.strategy, self.plan.training_sites(round_)
        answers = list(self._call("survey", strategy.survey(state, round_), rows))
        messages = strategy.broadcast(state, round_, sites, answers)
        state = strategy.aggregate(state, self._call("train", messages, rows))
        if self.plan.validates(round_):
            judged = {site: Broadcast(round_, state.weights) for site in self.plan.judged}
            list(self._call("evaluate", judged, rows))
        return state, rows

    def _call(self, op: Op, messages: Mapping[str, Broadcast], rows: list[Row]) -> Iterator[Reply]:
        for reply in self.engine.call(op, messages):
            if reply.error is not None:
                raise SiteFailed(reply.error)
            message = messages[reply.site]
            rows.extend(_measured(op, message.round, reply))
            if op != "evaluate":
                _add_moved(rows, message, reply, self.engine.n_bytes)
            yield reply

    def _record(self, rows: Sequence[Row]) -> None:
        self.journal.write(rows)
        for tracker in self.trackers:
            tracker.log(rows)

    def _keep(self, round_: int, state: ServerState, best: tuple[float, int]) -> None:
        memory, (score, best_round) = self.engine.snapshot(), best
        checkpoint = Checkpoint(round_, state.weights, state.extras, memory, score, -best_round)
        self.engine.forget_before(self.checkpoints.save(checkpoint))


def _measured(op: Op, round_: int, reply: Reply) -> Iterator[Row]:
    split = {"evaluate": "val"}.get(op, "train")
    for name, value in reply.metrics.items():
        metric, _, convention = name.partition("/") if op == "evaluate" else (name, "", "")
        yield Row(round_, split, reply.site, metric, convention, value)


def _add_moved(
    rows: list[Row], message: Broadcast, reply: Reply, size: Callable[[Weights], int]
) -> None:
    """Adds what crossed the wall to the site's rows of this round, one row per way and kind."""
    ways = (("sent", message.weights, message.extras), ("received", reply.weights, reply.extras))
    for way, weights, extras in ways:
        for kind, tensors in {"weights": weights, **extras}.items():
            if n_bytes := size(tensors):
                row = Row(message.round, "wire", reply.site, f"bytes_{way}/{kind}", "", n_bytes)
                before = next((i for i, old in enumerate(rows) if old[:5] == row[:5]), None)
                if before is None:
                    rows.append(row)
                else:
                    rows[before] = row._replace(value=rows[before].value + n_bytes)


def _score(rows: Iterable[Row], sites: Sequence[str]) -> float:
    values = [
        row.value
        for row in rows
        if row.split == "val" and row.site in sites and f"{row.metric}/{row.convention}" == BEST_BY
    ]
    return float(np.mean(values)) if values else -float("inf")
