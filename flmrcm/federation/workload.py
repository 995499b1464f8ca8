"""How much work a round is: so that a site alone, a pool and a federation can do equally much."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil

BUDGETS = ("epochs", "steps")
POOLED = "pooled"
"""The site that holds the data of all participants where they're pooled."""


@dataclass(frozen=True)
class Workload:
    """What one site trains in a round.

    Attributes:
        passes: over its data, the last one perhaps cut short.
        steps: optimizer steps; None means whole passes.
    """

    epochs: int
    steps: int | None = None

    def list_epochs(self, round_: int) -> range:
        """Gives the passes of a round, counted over the whole run."""
        return range(round_ * self.epochs, (round_ + 1) * self.epochs)


def divide_workload(
    budget: str, epochs: int, batches: Mapping[str, int], participants: Sequence[str]
) -> dict[str, Workload]:
    """Gives what each participant trains in a round.

    Args:
        budget: `epochs`: each passes over its own data; `steps`: together they take as many
            optimizer steps as a federation of all institutions passing over their data would,
            shared in proportion to their batches.
        epochs: passes that an institution in a federation of all makes.
        batches: in one pass, of each institution with training data and of each participant.
        participants: the sites that train; one that's no institution holds pooled data.
    """
    if budget == "epochs":
        return {site: Workload(epochs) for site in participants}
    institutions = [site for site in batches if site != POOLED]
    total = epochs * sum(batches[site] for site in institutions)
    own = sum(batches[site] for site in participants)
    steps = {site: max(1, round(total * batches[site] / own)) for site in participants}
    return {site: Workload(ceil(n / batches[site]), n) for site, n in steps.items()}
