"""The federated rounds of the paper; they know no transport, no data set, no GPU."""

import logging
from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field

import numpy as np

from flmrcm.errors import CheckpointError, require
from flmrcm.federation.averaging import WeightAverage
from flmrcm.federation.calls import RoundCalls
from flmrcm.federation.checkpoint import Checkpoint, CheckpointFolder
from flmrcm.federation.early_stopping import EarlyStopping
from flmrcm.federation.engine import Engine
from flmrcm.federation.journal import Journal, Tracker
from flmrcm.federation.participation import Tolerance
from flmrcm.federation.server_chain import ServerChain
from flmrcm.seeding import seed_for
from flmrcm.strategies.base import Strategy
from flmrcm.types import Broadcast, Measurement, ServerState, Weights

log = logging.getLogger(__name__)

BEST_BY = "psnr/fastmri"
"""The validation metric whose mean over participants chooses `best.pt`."""


@dataclass(frozen=True)
class TrainingPlan:
    """How many rounds, and what happens in them.

    Args:
        rounds: in all; 0 where sites only fine-tune.
        participants: the sites that train.
        validation_sites: the sites whose validation split is scored.
        selection_sites: the sites whose mean validation score chooses `best.pt`; the participants,
            unless their data are pooled.
        participation: share of the participants drawn each round, in (0, 1].
        validate_every: rounds between validations; the last round is always validated.
        seed: of the draw of participants.
        tolerance: which failures a round tolerates.
        average: of the global weights, kept beside them.
        stopping: when the run ends before its last round.

    Raises:
        ConfigErrors: a value outside its range.
    """

    rounds: int
    participants: Sequence[str]
    validation_sites: Sequence[str]
    participation: float = 1.0
    validate_every: int = 1
    seed: int = 0
    selection_sites: Sequence[str] = ()
    tolerance: Tolerance = field(default_factory=Tolerance)
    average: WeightAverage = field(default_factory=WeightAverage)
    stopping: EarlyStopping = field(default_factory=EarlyStopping)

    def __post_init__(self) -> None:
        share, every = self.participation, self.validate_every
        require(
            {
                "rounds": (self.rounds >= 0, f"at least 0; got {self.rounds}."),
                "participation": (0 < share <= 1, f"a share in (0, 1]; got {share}."),
                "validate_every": (every >= 1, f"at least 1; got {every}."),
            }
        )

    @property
    def chosen_by(self) -> list[str]:
        """The sites whose scores choose the best round."""
        sites = self.selection_sites or self.participants
        return [site for site in sites if site in self.validation_sites]

    @property
    def n_drawn(self) -> int:
        """How many sites are drawn for each round."""
        return max(1, round(self.participation * len(self.participants)))

    def draw_participants(self, round_: int) -> list[str]:
        """Return the sites that are drawn to train in a round, sorted."""
        rng = np.random.default_rng(seed_for("participation", self.seed, round_))
        return sorted(rng.permutation(sorted(self.participants))[: self.n_drawn].tolist())

    def validates(self, round_: int) -> bool:
        """Return whether a round ends with validation."""
        return (round_ + 1) % self.validate_every == 0 or round_ + 1 == self.rounds


@dataclass(frozen=True)
class Rounds:
    """A server with its sites behind an engine.

    Args:
        strategy: the algorithm.
        engine: reaches the sites.
        plan: the rounds.
        checkpoints: the run's folder of checkpoints, one after each whole round.
        journal: gets every measurement.
        trackers: show what the journal gets.
        chain: the server's halves of the middleware.
    """

    strategy: Strategy
    engine: Engine
    plan: TrainingPlan
    checkpoints: CheckpointFolder
    journal: Journal
    trackers: Sequence[Tracker] = ()
    chain: ServerChain = field(default_factory=ServerChain)

    def run(self, initial: Weights) -> ServerState:
        """Run the rounds that are still missing and return the state after the last.

        Args:
            initial: the model's weights, used where there is no checkpoint to go on from.

        Raises:
            SiteFailed: a site failed and the plan does not tolerate it; every whole round before is
                kept.
            CheckpointError: checkpoints can't be read, or are gone.
            DataLayoutError: the journal is damaged; nothing was changed.
        """
        last = self._start(initial)
        for tracker in self.trackers:
            tracker.start(self.journal.read())
        with self.engine.files:
            for round_ in range(last.round + 1, self.plan.rounds):
                if why := self._find_end(last):
                    log.warning("stopped after round %d of %d: %s", round_, self.plan.rounds, why)
                    break
                last = self._end(last, *self._round(last, round_))
            if self.strategy.fine_tuning and not last.fine_tuned:
                last = self._end(last, last.state, self._fine_tune(last))
        return last.state

    def _find_end(self, last: Checkpoint) -> str | None:
        """Return why no round may follow, in words; None where one may."""
        return self.chain.find_end(last.state) or self.plan.stopping.find_end(last.stale)

    def _load(self) -> Checkpoint | None:
        """Return where to go on from: before its fine-tuning where a run may train on again."""
        checkpoint = load_history(self.checkpoints, self.journal)
        if checkpoint and checkpoint.fine_tuned:
            before = self.checkpoints.load(before=checkpoint.round)
            reached = before.round + 1 if before else 0
            if reached < self.plan.rounds and not (before and self._find_end(before)):
                self.checkpoints.drop(checkpoint.round)
                return before
            self.checkpoints.load()  # its names had gone to the one before
        return checkpoint

    def _start(self, initial: Weights) -> Checkpoint:
        if (checkpoint := self._load()) is None:
            self.journal.path.unlink(missing_ok=True)
            # copies: the weights given are often those of the very module that sites train
            shared = {k: v.clone() for k, v in initial.items() if self.strategy.is_shared(k)}
            state = self.strategy.start(shared, self.plan.participants)
            return Checkpoint(-1, state.weights, state.extras, {}, -float("inf"), -1)
        self.journal.cut_after(checkpoint.round, checkpoint.journal)
        self.engine.restore(checkpoint.memory)
        return checkpoint

    def _round(self, last: Checkpoint, round_: int) -> tuple[ServerState, RoundCalls]:
        """Survey, broadcast, train, aggregate, and validate if due."""
        strategy, plan, drawn = self.strategy, self.plan, self.plan.draw_participants(round_)
        state, calls = last.state, self._prepare(last, round_)
        answers = calls.survey(strategy.survey(state, round_))
        state = strategy.on_survey_replies(state, answers)
        messages = strategy.broadcast(state, round_, calls.list_present(drawn), answers)
        state = strategy.aggregate(state, calls.train(messages, len(drawn)))
        state = plan.average.update(last.state, self.chain.finish_round(state))
        if plan.validates(round_) or self.chain.find_end(state):
            calls.validate(dict.fromkeys(plan.validation_sites, Broadcast(round_, state.weights)))
        return state, calls

    def _fine_tune(self, last: Checkpoint) -> RoundCalls:
        """Have the participants train for themselves, then validate; counted as a round."""
        round_ = max(last.round + 1, self.plan.rounds)
        calls, message = self._prepare(last, round_), Broadcast(round_, last.weights)
        calls.fine_tune(dict.fromkeys(self.plan.participants, message))
        calls.validate(dict.fromkeys(self.plan.validation_sites, message))
        return calls

    def _prepare(self, last: Checkpoint, round_: int) -> RoundCalls:
        self.chain.start_round(last.state)
        tolerance, before = self.plan.tolerance, last.suspensions
        return RoundCalls(self.engine, self.strategy, tolerance, self.chain, before, round_)

    def _end(self, last: Checkpoint, state: ServerState, calls: RoundCalls) -> Checkpoint:
        """Keep a round's measurements and its checkpoint, and return that."""
        score, best_round, stale = _choose_best(last, calls, self.plan.chosen_by)
        self.journal.write(calls.rows)
        for tracker in self.trackers:
            tracker.log(calls.rows)
        checkpoint = Checkpoint(
            calls.round, state.weights, state.extras, self.engine.snapshot(), score, best_round,
            calls.suspensions, self.journal.seal(), fine_tuned=calls.fine_tuned, stale=stale,
        )  # fmt: skip
        kept, engine = deepcopy(checkpoint), self.engine  # nobody changes it until it's written
        engine.files.put(lambda: engine.forget_before(self.checkpoints.save(kept)))
        return checkpoint


def load_history(checkpoints: CheckpointFolder, journal: Journal) -> Checkpoint | None:
    """Return a run's last checkpoint; None where it has no whole round yet.

    Raises:
        CheckpointError: no checkpoint can be read, or all are gone.
        DataLayoutError: the journal is damaged, or lacks what it held at the checkpoint.
    """
    checkpoint = checkpoints.load()
    journal.check(checkpoint and checkpoint.journal)
    if checkpoint is None and any(r.round > 0 or r.split == "test" for r in journal.read()):
        raise CheckpointError(
            f"{checkpoints.folder}: no checkpoint is left of the rounds that {journal.path} "
            "holds. Bring one back, or start a new run."
        )
    return checkpoint


def find_round_problems(strategy: Strategy, rounds: int) -> list[str]:
    """Return a line where a run would train nothing."""
    if rounds or strategy.fine_tuning:
        return []
    return ["rounds: at least 1; got 0. Without a round, only strategy=finetune trains."]


def _choose_best(
    last: Checkpoint, calls: RoundCalls, sites: Sequence[str]
) -> tuple[float, int, int]:
    """Return the best score so far, its round, of two equal ones the earlier, and its age."""
    before, now = (last.best_score, -last.best_round), (_score(calls.rows, sites), -calls.round)
    score, round_ = max(before, now)
    better, whole = (score, round_) != before, now[0] > -float("inf")
    return score, -round_, 0 if better else last.stale + whole


def _score(rows: Iterable[Measurement], sites: Sequence[str]) -> float:
    values = [
        row.value
        for row in rows
        if row.split == "val" and row.site in sites and f"{row.metric}/{row.convention}" == BEST_BY
    ]
    # means over different sites do not compare: where one is missing, the round cannot be best
    return float(np.mean(values)) if values and len(values) == len(sites) else -float("inf")
