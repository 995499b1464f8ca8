"""What a federated strategy is: a server half that holds no history, and a client half."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import ClassVar

from torch import Tensor

from flmrcm.errors import ConfigErrors, check_choice
from flmrcm.strategies.aggregation import WEIGHTINGS
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


class LocalRule:
    """How a site's local training differs from plain training; this default differs in nothing."""

    def extend(self, step: Step, batch: Batch) -> Step:
        """Adds, once per step, what both `observe` and `penalty` need."""
        return step

    def observe(self, step: Step, batch: Batch) -> None:
        """Trains a rule's own networks on detached values; the reconstructor isn't touched."""

    def penalty(self, step: Step, batch: Batch) -> Tensor | float:
        """Gives what is added to the reconstruction loss; changes nothing."""
        return 0.0

    def adjust_gradients(self, module: Learner) -> None:
        """Changes the gradients after the backward pass, before they're clipped."""

    def finish(self, module: Learner) -> Mapping[str, Weights]:
        """Writes the site's memory, and gives what its reply carries beside the weights."""
        return {}

    def metrics(self) -> dict[str, float]:
        """Gives what the rule measured on itself."""
        return {}


@dataclass(frozen=True)
class Strategy(ABC):
    """A federated algorithm; frozen, because all history is in `ServerState` and `Memory`.

    Args:
        name: how results call it.
        target: the site the others align with or are judged on; it may take no part in training.
        weighting: `uniform` averages the sites alike (published), `examples` by training slices.
        private: patterns of weights that stay at each site, such as `up_conv.*`; `*` stands for any
            text. Every site starts them from the run's initial weights.

    Raises:
        ConfigErrors: an unknown weighting.
    """

    needs_target: ClassVar[bool] = False
    needs_latents: ClassVar[bool] = False

    name: str = ""
    target: str | None = None
    weighting: str = "uniform"
    private: Sequence[str] = ()

    def __post_init__(self) -> None:
        if problems := check_choice("strategy.weighting", self.weighting, WEIGHTINGS):
            raise ConfigErrors(problems)

    @property
    def needs_target_images(self) -> bool:
        """Whether sites must see the target's images: only engines on one machine can do that."""
        return False

    @property
    def target_sampling(self) -> str:
        """In which order target examples accompany a source's; see `draw_target_order`."""
        return "shuffled"

    @property
    def needs_all_replies(self) -> bool:
        """Whether `aggregate` must see all replies at once; a mean is fed one at a time."""
        return False

    @property
    def fewest_replies(self) -> int:
        """How many training replies `aggregate` can't do without."""
        return 1

    @property
    def tolerates_missing_target(self) -> bool:
        """Whether a round goes on when a surveyed site gives no answer."""
        return False

    def is_shared(self, name: str) -> bool:
        """Return whether a weight travels; the others stay private."""
        return not any(fnmatchcase(name, pattern) for pattern in self.private)

    def personal_weights(self, memory: Memory, shared: Weights) -> Weights:
        """Return what a site is validated and tested with: its private weights over the shared.

        What neither holds is taken from the run's initial weights.
        """
        return {**shared, **memory.tensors.get(PRIVATE, {})}

    def start(self, weights: Weights, participants: Sequence[str]) -> ServerState:
        """Gives the state before the first round."""
        return ServerState(weights)

    def survey(self, state: ServerState, round_: int) -> Mapping[str, Broadcast]:
        """Gives what sites are asked before a round; most strategies ask nothing."""
        return {}

    def on_survey_replies(self, state: ServerState, answers: Sequence[Reply]) -> ServerState:
        """Gives the state with what is to be kept of a survey's answers; most keep nothing."""
        return state

    def broadcast(
        self, state: ServerState, round_: int, sites: Sequence[str], answers: Sequence[Reply]
    ) -> Mapping[str, Broadcast]:
        """Gives what each training site is sent."""
        return {
            site: Broadcast(round_, state.weights, self.build_extras(site, state, answers))
            for site in sites
        }

    def build_extras(
        self, site: str, state: ServerState, answers: Sequence[Reply]
    ) -> Mapping[str, Weights]:
        """Gives what a training site is sent beside the weights."""
        return {}

    def validate_reply(self, op: str, sent: Broadcast, reply: Reply) -> str | None:
        """Gives what is wrong with a reply's extras, in a few words; None where nothing is.

        The weights are inspected for every strategy alike, and all tensors for finite numbers.
        """
        return None

    @abstractmethod
    def aggregate(self, state: ServerState, replies: Iterable[Reply]) -> ServerState:
        """Gives the state after a round; replies come one at a time, in sorted site order."""

    @abstractmethod
    def local_rule(self, site: SiteContext) -> LocalRule:
        """Gives the client half for one site and round."""

    def answer_survey(self, site: SiteContext, batches: Iterator[Batch]) -> Mapping[str, Weights]:
        """Gives a surveyed site's answer; runs at the site, in evaluation mode, no gradients.

        Args:
            site: the site, its module holding the broadcast weights.
            batches: one pass over its training data, in an order drawn for this round.
        """
        return {}
