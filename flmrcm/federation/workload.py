"""How much a site trains in a round, so that one site, a pool and a federation train equally."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

from flmrcm.privacy.accountant import Spending

EPOCHS, STEPS = BUDGETS = ("epochs", "steps")
POOLED = "pooled"
"""The site that holds the data of all participants where they are pooled."""


@dataclass(frozen=True)
class Workload:
    """What one site trains in a round.

    Attributes:
        epochs: over its data, the last one perhaps cut short.
        steps: optimizer steps; None means whole epochs.
    """

    epochs: int
    steps: int | None = None

    @classmethod
    def of_steps(cls, steps: int, n_batches: int, accumulate: int = 1) -> "Workload":
        """Return so many optimizer steps, and the epochs that hold their batches.

        Args:
            steps: at least 1.
            n_batches: in one epoch.
            accumulate: batches of an optimizer step.
        """
        return cls(ceil(steps * accumulate / n_batches), steps)

    def list_epochs(self, round_: int) -> range:
        """Return the epochs of a round, counted over the whole run."""
        return range(round_ * self.epochs, (round_ + 1) * self.epochs)


class CallWork(NamedTuple):
    """What a reply will rest on; known before anything is computed.

    Attributes:
        slices: different training slices that training goes through.
        steps: optimizer steps of training.
        learning_rate: of the model's optimizer in this round.
        volumes: that validation or a test scores; with `spending`, those that may be drawn.
        spending: of the privacy of a training volume; None where nothing bounds it.
        delta: at which the run counts it.
        secure: whether nobody can compute the noise again.
    """

    slices: int = 0
    steps: int = 0
    learning_rate: float = 0.0
    volumes: int = 0
    spending: Spending | None = None
    delta: float = 0.0
    secure: bool = False


def divide_workload(
    budget: str,
    epochs: int,
    batches: Mapping[str, int],
    participants: Sequence[str],
    accumulate: int = 1,
) -> dict[str, Workload]:
    """Return what each site trains, or would train, in a round.

    Args:
        budget: `epochs`: each participant trains its own epochs; `steps`: together they take as
            many optimizer steps as a federation of all institutions would in that many epochs, to
            the step, divided in proportion to their batches by the largest remainders; but none
            takes less than one.
        epochs: of an institution in a federation of all.
        batches: in one epoch, of each site with training data, a pool of data among them.
        participants: the sites that train.
        accumulate: batches of an optimizer step.
    """
    others = {site: Workload(epochs) for site in batches}
    if budget == EPOCHS:
        return others | {site: Workload(epochs) for site in participants}
    # a pool's batches are its participants' own, so they must not count twice
    own = [n for site, n in batches.items() if site != POOLED]
    total = sum(ceil(epochs * n / accumulate) for n in own)
    steps = _share(total, {site: batches[site] for site in participants})
    return others | {
        site: Workload.of_steps(n, batches[site], accumulate) for site, n in steps.items()
    }


def _share(total: int, parts: Mapping[str, int]) -> dict[str, int]:
    """Return whole shares of a total, in proportion to parts; together they are the total.

    None is 0: what is at least as many as the parts is divided.
    """
    whole = sum(parts.values())
    shares = {name: total * part // whole for name, part in parts.items()}
    # of two equal remainders the one whose name comes first is the larger
    by_remainder = sorted(parts, key=lambda name: (-(total * parts[name] % whole), name))
    for name in by_remainder[: total - sum(shares.values())]:
        shares[name] += 1
    for name in sorted(name for name, share in shares.items() if share == 0):
        shares[name] += 1
        shares[max(sorted(shares), key=shares.__getitem__)] -= 1
    return shares
