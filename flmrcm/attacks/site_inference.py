"""Whose update is it? Updates of a round, told apart by updates on other patients of each site."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from flmrcm.attacks.attacked_run import (
    Attack,
    AttackedRun,
    Finding,
    OnStep,
    list_examples,
    with_training_slices,
)
from flmrcm.errors import require
from flmrcm.types import Weights


@dataclass(frozen=True)
class SiteGuesses(Finding):
    """Which site each update was held to be of.

    Attributes:
        sites: sorted.
        counts: (sites, sites), rows the true site, columns the guess.
        likeness: mean cosine of an update, rows, with each site's reference, columns.
    """

    sites: Sequence[str]
    counts: np.ndarray
    likeness: np.ndarray

    @property
    def accuracy(self) -> float:
        """The share of right guesses."""
        return float(np.trace(self.counts) / self.counts.sum())

    def describe(self) -> dict[str, Any]:
        """Return accuracy, chance, and both tables."""
        return {
            "sites": list(self.sites),
            "updates": int(self.counts.sum()),
            "accuracy": self.accuracy,
            "chance": 1 / len(self.sites),
            "guesses": self.counts.tolist(),
            "cosines": self.likeness.tolist(),
        }

    def summarise(self) -> list[str]:
        """Return one line."""
        right, all_ = int(np.trace(self.counts)), int(self.counts.sum())
        return [
            f"{right} of {all_} updates ascribed to the right site: {self.accuracy:.0%} "
            f"(guessing: {1 / len(self.sites):.0%})"
        ]


@dataclass(frozen=True)
class SiteInference(Attack):
    """Ascribes a round's updates to sites by the cosine with an update on each site's other images.

    The reference of a site is an update on its validation volumes, from the same global weights:
    the attacker has a few images of each hospital, but none that was trained on. What all updates
    have in common says nothing and is taken away, from references, too.

    Args:
        rounds: whose updates are ascribed, each from the checkpoint's weights, in another order
            and under other masks.

    Raises:
        ConfigErrors: a value outside its range.
    """

    rounds: int = 4

    def __post_init__(self) -> None:
        require({"kind.rounds": (self.rounds >= 1, f"at least 1; got {self.rounds}.")})

    def find_problems(self, run: AttackedRun) -> list[str]:
        """Return a line where there is but one site to choose from."""
        if len(run.participants) > 1:
            return []
        return ["kind=site_inference: a run of one participant; there is nothing to tell apart."]

    def run(self, run: AttackedRun, on_step: OnStep) -> SiteGuesses:
        """Return the guesses.

        Raises:
            FlmrcmError: a site has no validation volume, or sends nothing.
        """
        names, n_steps = list(run.participants), len(run.participants) + self.rounds
        references: list[Tensor] = []
        for done, name in enumerate(names):
            on_step("updates", done, n_steps)
            references.append(_flatten(compute_reference(run, name)))
        counts, likeness = np.zeros((2, len(names), len(names)))
        for extra in range(self.rounds):
            on_step("updates", len(names) + extra, n_steps)
            sites = {name: run.sites[name] for name in names}
            replies = run.messages.send("train", run.round + extra, sites)
            updates = [_flatten(run.find_update(replies[name])) for name in names]
            table = compare_updates(updates, references)
            likeness += table / self.rounds
            counts[np.arange(len(names)), table.argmax(1)] += 1
        on_step("updates", n_steps, n_steps)
        return SiteGuesses(names, counts.astype(int), likeness)


def compute_reference(run: AttackedRun, name: str) -> Weights:
    """Return the update of training on a site's validation volumes, as long as its own round."""
    own = run.sites[name]
    site = with_training_slices(own, list_examples(own, ["val"]))
    work = run.plan_steps(run.count_steps(own), site)
    run.train(run.weights, run.read_training(site, work, run.round))
    state = run.module.model.state_dict()
    return {
        k: state[k].cpu().float() - w.float()
        for k, w in run.weights.items()
        if w.is_floating_point()
    }


def compare_updates(updates: Sequence[Tensor], references: Sequence[Tensor]) -> np.ndarray:
    """Return cosines, (updates, references), of what each has beyond the mean of its kind."""
    rows, columns = (torch.stack(list(found)) for found in (updates, references))
    rows, columns = rows - rows.mean(0), columns - columns.mean(0)
    norms = rows.norm(dim=1)[:, None] * columns.norm(dim=1)[None]
    return (rows @ columns.T / norms.clamp(min=1e-30)).double().numpy()


def _flatten(update: Mapping[str, Tensor]) -> Tensor:
    return torch.cat([update[name].flatten() for name in sorted(update)]).double()
