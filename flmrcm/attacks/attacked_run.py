"""A run as an attack sees it: its weights at a round, and what its sites send then."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from math import ceil
from typing import Any, Protocol

from lightning_fabric import Fabric
from torch import Tensor

from flmrcm.data.h5 import Volume
from flmrcm.data.site import Site
from flmrcm.data.slices import Slices
from flmrcm.errors import FlmrcmError
from flmrcm.federation.batches import SiteBatches
from flmrcm.federation.engine import Operation
from flmrcm.federation.local_training import LocalTraining
from flmrcm.federation.workload import Workload
from flmrcm.learning.module import ReconModule
from flmrcm.strategies.base import LocalRule, Strategy
from flmrcm.types import Batch, Reply, ServerState, Weights

Example = tuple[Volume, int]
"""A volume and the index of one of its slices."""

OnStep = Callable[[str, int, int], None]
"""Called with what is being done, how many steps of it are, and how many there will be."""


class Messages(Protocol):
    """Makes the messages of a run again, as they cross, without a trace in the run's folder."""

    def send(
        self,
        op: Operation,
        round_: int,
        sites: Mapping[str, Site],
        work: Workload | None = None,
    ) -> dict[str, Reply]:
        """Return what sites reply, as the coordinator reads it.

        Args:
            op: survey | train.
            round_: its number; it begins with the checkpoint's weights.
            sites: who is called, each with the data that it then has.
            work: of a site; what the run's own rounds have, when None.

        Raises:
            FlmrcmError: a site refuses or fails.
        """
        ...

    def divide(self) -> Mapping[str, Workload]:
        """Return what each site with training data trains in a round of the run."""
        ...


@dataclass(frozen=True)
class AttackedRun:
    """What an attack may use: all that the run's coordinator knows, and to score it, the images.

    Attributes:
        module: the learner, holding the checkpoint's weights.
        strategy: the run's.
        local: how its sites train.
        fabric: the training toolbox.
        sites: all of the run, by name.
        participants: those that train, sorted.
        site: the attacked one.
        state: the server's, that the round begins with.
        initial: all weights of the model, as the run began with them.
        round: its number.
        rounds: of the whole run.
        share: of the rounds, that a participant is drawn for on average.
        seed: of the attack's own draws.
        messages: makes messages again.
    """

    module: ReconModule
    strategy: Strategy
    local: LocalTraining
    fabric: Fabric
    sites: Mapping[str, Site]
    participants: Sequence[str]
    site: str
    state: ServerState
    initial: Weights
    round: int
    rounds: int
    seed: int
    messages: Messages
    share: float = 1.0

    @property
    def attacked(self) -> Site:
        """The attacked site."""
        return self.sites[self.site]

    @property
    def weights(self) -> Weights:
        """The shared weights that the round begins with."""
        return self.state.weights

    def list_others(self) -> list[str]:
        """Return the other participants, whose images the attacker may know."""
        return [name for name in self.participants if name != self.site]

    def reset(self) -> None:
        """Load the weights that the round begins with; those that stay at sites are initial."""
        self.module.model.load_state_dict({**self.initial, **self.weights})
        self.fabric.to_device(self.module)

    def find_update(self, reply: Reply) -> Weights:
        """Return by how much a reply's weights moved, new − old, by name."""
        return {
            name: tensor.float() - self.weights[name].float()
            for name, tensor in reply.weights.items()
            if tensor.is_floating_point()
        }

    def read(self, site: Site, split: str) -> Iterator[Batch]:
        """Yield a split's batches in file order, under the masks of evaluation."""
        for raw in site.dataloader(split):
            yield site.prepare_batch(raw, self.fabric.device)

    def read_training(self, site: Site, work: Workload, round_: int) -> Iterator[Batch]:
        """Yield training batches as the site sees them in a round."""
        accumulate = self.local.accumulate
        return SiteBatches(site, self.fabric.device, work, round_, accumulate).train()

    def count_steps(self, site: Site) -> int:
        """Return the optimizer steps of a site's whole round, as the run divides them."""
        work = self.messages.divide()[site.name]
        return work.steps or ceil(work.epochs * site.n_batches / self.local.accumulate)

    def plan_steps(self, steps: int, site: Site) -> Workload:
        """Return the work of so many optimizer steps at a site."""
        return Workload.of_steps(steps, site.n_batches, self.local.accumulate)

    def train(self, weights: Weights, batches: Iterable[Batch]) -> None:
        """Train the module from given weights by the run's optimizer, as federated averaging does.

        Args:
            weights: those that the model lacks in them are the run's initial ones.
            batches: one a step.
        """
        self.module.model.load_state_dict({**self.initial, **weights})
        optimizer = self.local.optimizer(self.module.model.parameters())
        for _ in self.local.train(self.module, batches, LocalRule(), optimizer, self.fabric):
            pass


class Finding(ABC):
    """What an attack found."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Return all numbers as JSON holds them."""

    @abstractmethod
    def summarise(self) -> list[str]:
        """Return a few lines that say what was found, each number beside that of chance."""


class Attack(ABC):
    """Tries to learn from a run's messages or weights what they weren't meant to tell."""

    def choose_site(self, strategy: Strategy, participants: Sequence[str]) -> str:
        """Return the site that is attacked where none is named: the first that trains."""
        return min(participants)

    def find_problems(self, run: AttackedRun) -> list[str]:
        """Return a line for each reason why a run can't be attacked so; nothing is read yet."""
        return []

    @abstractmethod
    def run(self, run: AttackedRun, on_step: OnStep) -> Finding:
        """Return what was found.

        Raises:
            FlmrcmError: the site's data don't suffice, or a site refuses its message.
        """


def with_training_slices(site: Site, examples: Sequence[Example]) -> Site:
    """Return a site that trains on these slices and on no other."""
    own, other = site.slices("train"), copy(site)
    chosen = Slices(examples, own.in_memory, own.with_peak, own.read_maps)
    other.slices = lambda split: chosen if split == "train" else site.slices(split)  # pyright: ignore[reportAttributeAccessIssue]
    return other


def list_examples(site: Site, splits: Sequence[str]) -> list[Example]:
    """Return the slices of those splits that a site has, in file order.

    Raises:
        FlmrcmError: it has none of them.
    """
    found = [e for split in splits if site.has(split) for e in site.slices(split).examples]
    if not found:
        raise FlmrcmError(f"site {site.name}: has no volume in {' or '.join(splits)}.")
    return list(found)


def name_slices(batch: Batch) -> list[str]:
    """Return `site/volume/slice` of each slice."""
    return [f"{v}/{int(i)}" for v, i in zip(batch.volume, batch.slice, strict=True)]


def measure_variation(images: Tensor) -> Tensor:
    """Return the mean absolute difference of neighbouring pixels, of (batch, 1, height, width)."""
    down = (images[..., 1:, :] - images[..., :-1, :]).abs().mean()
    return down + (images[..., 1:] - images[..., :-1]).abs().mean()
