"""The base of federated strategies: a server half and a client half, neither with a history."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import ClassVar, NamedTuple, Self

from torch import Tensor, nn
from torch.optim import Optimizer

from flmrcm.errors import ConfigErrors, check_choice, require
from flmrcm.strategies.aggregation import WEIGHTINGS, find_weight_problem, weigh_reply
from flmrcm.types import (
    Batch,
    Broadcast,
    Learner,
    Memory,
    Reply,
    ServerState,
    SiteContext,
    Step,
    Weights,
)

PRIVATE = "private"
"""The kind under which a site's memory keeps the weights that never leave it."""

PERSONAL = "personal"
"""The kind under which it keeps a whole set of weights that it trains for itself alone."""

VOLUME, SITE = "volume", "site"
"""What differential privacy may be of: a single training volume, or all of a site."""


class FineTuning(NamedTuple):
    """What a site trains for itself alone after the last round.

    Attributes:
        steps: optimizer steps, at least 1.
        rate: of a new optimizer, times the run's base learning rate.
    """

    steps: int
    rate: float


class LocalRule:
    """A site's changes to plain local training; this default changes nothing."""

    def extend(self, step: Step, batch: Batch) -> Step:
        """Return the step with the values that both `observe` and `penalty` need; once per step."""
        return step

    def observe(self, step: Step, batch: Batch) -> None:
        """Train the rule's own networks on detached values; the reconstructor stays as it is."""

    def penalty(self, step: Step, batch: Batch) -> Tensor | float:
        """Return a scalar that is added to the reconstruction loss; change nothing."""
        return 0.0

    def adjust_gradients(self, module: Learner) -> None:
        """Change the gradients in place, after the backward pass and before they are clipped."""

    def finish(self, module: Learner) -> Mapping[str, Weights]:
        """Write the site's memory; return the tensors that its reply carries beside the weights."""
        return {}

    def metrics(self) -> dict[str, float]:
        """Return the rule's own measurements of the round, by name."""
        return {}


@dataclass(frozen=True)
class Strategy(ABC):
    """A federated algorithm; frozen, because all history is in `ServerState` and `Memory`.

    Args:
        name: in results.
        target: the site that the others align with or are tested on; it need not train.
        weighting: `uniform` gives each site the same weight (published), `examples` weighs by
            training slices, `fair` by the site's loss to the power of `fairness`.
        fairness: q ≥ 0 of the weighting `fair`.
        private: patterns of weights that stay at each site, such as `up_conv.*`; `*` stands for any
            text. Every site starts them from the run's initial weights.

    Raises:
        ConfigErrors: an unknown weighting, or a negative fairness.
    """

    needs_target: ClassVar[bool] = False
    needs_latents: ClassVar[bool] = False
    trains_personal: ClassVar[bool] = False  # whether sites have weights beside the global ones
    per_step: ClassVar[str] = "nothing"  # what it adds to a local step, for docs/strategies.md
    private_units: ClassVar[Sequence[str]] = ()  # see `bounds_influence`

    name: str = ""
    target: str | None = None
    weighting: str = "uniform"
    fairness: float = 1.0
    private: Sequence[str] = ()

    def __post_init__(self) -> None:
        if problems := check_choice("strategy.weighting", self.weighting, WEIGHTINGS):
            raise ConfigErrors(problems)
        require({"strategy.fairness": (self.fairness >= 0, f"at least 0; got {self.fairness}.")})

    @property
    def needs_target_images(self) -> bool:
        """Whether sites must see the target's images, which only engines on one machine allow."""
        return False

    @property
    def target_sampling(self) -> str:
        """The order in which target examples accompany a source's; see `draw_target_order`."""
        return "shuffled"

    @property
    def needs_all_replies(self) -> bool:
        """Whether `aggregate` must see all replies at once; a mean reads one at a time."""
        return False

    @property
    def reads_mean(self) -> bool:
        """Whether `aggregate` reads no more of replies' tensors than the mean of their weights."""
        return False

    @property
    def fewest_replies(self) -> int:
        """The fewest training replies that `aggregate` can work with."""
        return 1

    @property
    def fine_tuning(self) -> FineTuning | None:
        """What participants train for themselves after the last round; None: nothing."""
        return None

    @property
    def tolerates_missing_target(self) -> bool:
        """Whether a round goes on when a surveyed site gives no answer."""
        return False

    def find_optimizer_problem(self, optimizer: Optimizer) -> str | None:
        """Return why sites mustn't train with an optimizer, before a run; None if they may."""
        return None

    def suit(self, model: nn.Module) -> Self:
        """Return the strategy for a model, before a run; `ConfigErrors` where they don't suit."""
        return self

    def is_shared(self, name: str) -> bool:
        """Return whether a weight travels; the others are private."""
        return not any(fnmatchcase(name, pattern) for pattern in self.private)

    def personal_weights(self, memory: Memory, shared: Weights) -> Weights:
        """Return the weights a site is validated and tested with: its own over the shared ones.

        Weights that neither holds are taken from the run's initial weights.
        """
        return {**shared, **memory.tensors.get(PRIVATE, {}), **memory.tensors.get(PERSONAL, {})}

    def start(self, weights: Weights, participants: Sequence[str]) -> ServerState:
        """Return the state before the first round."""
        return ServerState(weights)

    def survey(self, state: ServerState, round_: int) -> Mapping[str, Broadcast]:
        """Return messages to the sites that are surveyed before a round; by default to none."""
        return {}

    def on_survey_replies(self, state: ServerState, answers: Sequence[Reply]) -> ServerState:
        """Return the state with those of a survey's answers that are kept; by default none."""
        return state

    def broadcast(
        self, state: ServerState, round_: int, sites: Sequence[str], answers: Sequence[Reply]
    ) -> Mapping[str, Broadcast]:
        """Return the message to each of the sites that train in a round.

        Rounds count from 0; the state is that before the round, the answers are to its survey.
        """
        return {
            site: Broadcast(round_, state.weights, self.build_extras(site, state, answers))
            for site in sites
        }

    def build_extras(
        self, site: str, state: ServerState, answers: Sequence[Reply]
    ) -> Mapping[str, Weights]:
        """Return the tensors that a training site is sent beside the weights, by kind."""
        return {}

    def validate_reply(self, op: str, sent: Broadcast, reply: Reply) -> str | None:
        """Return what is wrong with a reply's extras, in a few words; None where nothing is.

        The weights, and whether all tensors are finite, are checked for every strategy alike.
        """
        if op != "train":
            return None
        return find_weight_problem(reply, self.weighting, self.fairness)

    def weigh(self, reply: Reply) -> float:
        """Return a training reply's weight in means, above 0."""
        return weigh_reply(reply, self.weighting, self.fairness)

    @abstractmethod
    def aggregate(self, state: ServerState, replies: Iterable[Reply]) -> ServerState:
        """Return the state after a round; replies are read one at a time, in sorted site order."""

    @abstractmethod
    def local_rule(self, site: SiteContext) -> LocalRule:
        """Return the client half for one site and round."""

    def personal_rule(self, site: SiteContext) -> LocalRule | None:
        """Return the rule of a second training, of a site's personal weights; None: there is none.

        It runs after the first, over the same batches, and its `finish` is not called.
        """
        return None

    def answer_survey(self, site: SiteContext, batches: Iterator[Batch]) -> Mapping[str, Weights]:
        """Return a surveyed site's answer, by kind; called in evaluation mode, without gradients.

        Args:
            site: the site, its module holding the broadcast weights.
            batches: one epoch of its training data, in an order drawn for this round.
        """
        return {}


def bounds_influence(strategy: Strategy, unit: str) -> bool:
    """Return whether clipping and noise at one place cover all that leaves a site of a unit.

    For a `volume` that place is the gradient of the loss: everything else that the strategy's
    client half computes of training data, and sends or keeps, comes after it. For a `site` it's the
    update: a reply holds weights alone, and the server reads nothing of them but their mean.
    `private_units` says so. It isn't inherited by a class that overrides one of the halves.
    """
    halves = {"local_rule", "personal_rule", "fine_tuning", "answer_survey", "aggregate"}
    owner = next(cls for cls in type(strategy).__mro__ if halves & vars(cls).keys())
    return unit in vars(owner).get("private_units", ())


def reads_mean_only(strategy: Strategy) -> bool:
    """Return whether a strategy may be told the mean in each reply's place (`reads_mean`).

    The word isn't inherited by a class that has an `aggregate` of its own.
    """
    owner = next(cls for cls in type(strategy).__mro__ if "aggregate" in vars(cls))
    return "reads_mean" in vars(owner) and strategy.reads_mean
