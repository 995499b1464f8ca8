"""Membership: was a volume trained on? A threshold on its error, and offline LiRA.

Yeom et al., CSF 2018 (a threshold on the loss); Carlini et al., Membership Inference Attacks From
First Principles, S&P 2022, section V (LiRA, offline: shadow models that never saw the volume).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from math import ceil
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import norm

from flmrcm.attacks.attacked_run import (
    Attack,
    AttackedRun,
    Example,
    Finding,
    OnStep,
    list_examples,
    with_training_slices,
)
from flmrcm.attacks.scoring import (
    Array,
    compute_auc,
    compute_roc,
    find_interval,
    find_strict_rate,
)
from flmrcm.data.provenance import read_provenance
from flmrcm.errors import FlmrcmError, require
from flmrcm.learning.metrics import nmse
from flmrcm.learning.module import ReconModule
from flmrcm.seeding import seed_for

THRESHOLD, LIRA = "threshold", "lira"
_SPLITS = ("train", "val", "test")
_FEWEST_OUT = 2  # shadow models that never saw a volume; of fewer there is no spread


@dataclass(frozen=True)
class Membership(Finding):
    """Scores of subjects that were trained on, and of others.

    Attributes:
        members: names of the subjects that were, sorted.
        others: names of those that weren't, sorted.
        scores: of every subject, members first, by attack; larger says "member".
        seed: of the intervals.
    """

    members: Sequence[str]
    others: Sequence[str]
    scores: Mapping[str, Array]
    seed: int

    def part(self, attack: str) -> tuple[Array, Array]:
        """Return an attack's scores of members and of the others."""
        scores = self.scores[attack]
        return scores[: len(self.members)], scores[len(self.members) :]

    def describe(self) -> dict[str, Any]:
        """Return AUC, strict rate and their intervals, ROC and scores, by attack."""
        named = [*self.members, *self.others]
        return {
            "members": len(self.members),
            "others": len(self.others),
            "attacks": {
                attack: {
                    "auc": compute_auc(*self.part(attack)),
                    "tpr_at_1_percent": find_strict_rate(*self.part(attack)),
                    "intervals": find_interval(*self.part(attack), self.seed),
                    "roc": [line.tolist() for line in compute_roc(*self.part(attack))],
                    "scores": dict(zip(named, scores.tolist(), strict=True)),
                }
                for attack, scores in self.scores.items()
            },
        }

    def summarise(self) -> list[str]:
        """Return a line for each attack."""
        return [_format_line(name, found) for name, found in self.describe()["attacks"].items()]


@dataclass(frozen=True)
class MembershipAttack(Attack):
    """Tells training volumes of the attacked site from its validation and test volumes.

    Args:
        shadows: models that LiRA trains on a random half of the site's volumes each; 0 leaves LiRA
            out.
        steps: optimizer steps of a shadow; None is as many as the site takes in the whole run, on
            average where only some are drawn for a round.

    Raises:
        ConfigErrors: a value outside its range.
    """

    shadows: int = 16
    steps: int | None = None

    def __post_init__(self) -> None:
        n, steps = self.shadows, self.steps
        require(
            {
                "kind.shadows": (n == 0 or n >= 8, f"0, or at least 8; got {n}."),
                "kind.steps": (
                    steps is None or steps >= 1,
                    f"at least 1, or null; got {steps}.",
                ),
            }
        )

    def find_problems(self, run: AttackedRun) -> list[str]:
        """Return a line where weights stay at the sites: nobody else has the whole model."""
        kept = [name for name in run.initial if not run.strategy.is_shared(name)]
        if not kept:
            return []
        return [f"kind=membership: {kept[0]}, … stay at the sites; only whole models are attacked."]

    def run(self, run: AttackedRun, on_step: OnStep) -> Membership:
        """Return how well each attack tells them apart.

        Raises:
            FlmrcmError: the site has no volume that it didn't train on.
        """
        site = run.attacked
        members = _group_by_subject(list_examples(site, ["train"]))
        others = _group_by_subject(list_examples(site, ["val", "test"]))
        others = {name: found for name, found in others.items() if name not in members}
        if not others:
            raise FlmrcmError(f"site {site.name}: has no subject that it didn't train on.")
        subjects = [*members.items(), *others.items()]
        errors = partial(measure_errors, run, subjects)
        own = errors(run.module)
        scores = {THRESHOLD: -own}
        if self.shadows:
            scores[LIRA] = compare_with_shadows(own, *self._train_shadows(run, subjects, on_step))
        return Membership(list(members), list(others), scores, run.seed)

    def _train_shadows(
        self, run: AttackedRun, subjects: Sequence[tuple[str, list[Example]]], on_step: OnStep
    ) -> tuple[Array, NDArray[np.bool_]]:
        """Return each shadow's errors, (shadows, subjects), and whether it saw the subject."""
        kept = {k: v.clone() for k, v in run.module.model.state_dict().items()}
        errors, seen = [], draw_halves(self.shadows, len(subjects), run.seed)
        for number, chosen in enumerate(seen):
            on_step("shadow models", number, self.shadows)
            examples = [e for (_, found), own in zip(subjects, chosen, strict=True) if own
                        for e in found]  # fmt: skip
            self._train(run, examples, number)
            errors.append(measure_errors(run, subjects, run.module))
        run.module.model.load_state_dict(kept)
        on_step("shadow models", self.shadows, self.shadows)
        return np.array(errors), seen

    def _train(self, run: AttackedRun, examples: Sequence[Example], number: int) -> None:
        """Train the run's network on some slices, from the weights that the run began with."""
        site = with_training_slices(run.attacked, examples)
        whole = run.rounds * run.share * run.count_steps(run.attacked)
        work = run.plan_steps(self.steps or max(1, round(whole)), site)
        # another pass for each shadow: other masks, another order
        run.train(run.initial, run.read_training(site, work, number + 1))


def draw_halves(shadows: int, subjects: int, seed: int) -> NDArray[np.bool_]:
    """Return what each shadow sees, (shadows, subjects): halves, so that half the shadows lack one.

    A second shadow sees what the first doesn't.
    """
    rng = np.random.default_rng(seed_for("shadows", seed))
    rows = []
    for _ in range(ceil(shadows / 2)):
        first = np.zeros(subjects, bool)
        first[rng.permutation(subjects)[: subjects // 2]] = True
        rows += [first, ~first]
    return np.array(rows[:shadows])


def compare_with_shadows(own: Array, errors: Array, seen: NDArray[np.bool_]) -> Array:
    """Return Φ((μ − error)/σ) of each subject, μ and σ those of shadows that never saw it.

    Args:
        own: log errors of the attacked model, (subjects,).
        errors: those of the shadows, (shadows, subjects).
        seen: whether a shadow was trained on a subject, same shape.
    """
    if int((~seen).sum(0).min()) < _FEWEST_OUT:
        raise FlmrcmError("kind.shadows: too few never saw one of the subjects; train more.")
    out = np.where(seen, np.nan, errors)
    mean, spread = np.nanmean(out, 0), np.nanstd(out, 0, ddof=1)
    return norm.cdf((mean - own) / np.maximum(spread, 1e-12))


def measure_errors(
    run: AttackedRun, subjects: Sequence[tuple[str, list[Example]]], module: ReconModule
) -> Array:
    """Return log NMSE of each subject's slices, normalised, under the masks of evaluation."""
    site, found = run.attacked, []
    module.eval()
    for _, examples in subjects:
        images, targets = [], []
        for batch in run.read(with_training_slices(site, examples), "train"):
            with torch.inference_mode(), run.fabric.autocast():
                images.append(module(batch).float().cpu().numpy())
            targets.append(batch.get_target().cpu().numpy())
        found.append(np.log(max(nmse(np.concatenate(images), np.concatenate(targets)), 1e-30)))
    return np.array(found)


def _group_by_subject(examples: Sequence[Example]) -> dict[str, list[Example]]:
    """Return slices by subject: the patient that files name, else the file; sorted."""

    def name(example: Example) -> str:
        volume = example[0]
        return read_provenance(volume.path).patient_id or f"{volume.site}/{volume.name}"

    ordered = sorted(examples, key=name)
    return {subject: list(found) for subject, found in groupby(ordered, key=name)}


def _format_line(attack: str, found: Mapping[str, Any]) -> str:
    low, high = found["intervals"]["auc"]
    return (
        f"{attack}: AUC {found['auc']:.2f} [{low:.2f}, {high:.2f}] (guessing: 0.50); "
        f"{found['tpr_at_1_percent']:.0%} of the members at 1 % false alarms (guessing: 1 %)"
    )
