"""Update inversion: which images make the network's gradient point where a site's update points?

Geiping et al., Inverting Gradients, NeurIPS 2020: cosine distance and total variation, by Adam.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from flmrcm.attacks.attacked_run import (
    Attack,
    AttackedRun,
    OnStep,
    name_slices,
    with_training_slices,
)
from flmrcm.attacks.gradient_search import Found, GradientSearch
from flmrcm.attacks.reconstructions import STARTED, Reconstructions, rate_images
from flmrcm.data.order import shuffle_indices
from flmrcm.data.site import Site
from flmrcm.errors import ConfigErrors, check_choice, require
from flmrcm.federation.workload import Workload
from flmrcm.seeding import seeded
from flmrcm.strategies.aggregation import RunningMean
from flmrcm.types import Batch, Weights

SITE, MEAN = "site", "mean"
KNOWN, NOISE = "known", "noise"
INVERTED = "inversion"
_COARSE = 4  # pixels between the values of smooth noise


@dataclass(frozen=True)
class UpdateInversion(Attack):
    """Looks for the images behind a site's update.

    Args:
        slices: that the site trains on in the attacked message; None is all, as in the run.
        steps: optimizer steps in it; None is the run's whole round.
        images: the most that are looked for.
        seen: `site` sees the update of the site alone, `mean` that of all participants, weighed as
            the run does, which is what secure aggregation leaves to see.
        start: `known` from images of another site of the run, `noise` from nothing.
        restarts: other starts; the nearest update counts.
        iterations: of each.
        rate: Adam's first learning rate.
        variation: weight of the total variation.

    Raises:
        ConfigErrors: a value outside its range.
    """

    slices: int | None = 1
    steps: int | None = 1
    images: int = 8
    seen: str = SITE
    start: str = KNOWN
    restarts: int = 4
    iterations: int = 1000
    rate: float = 0.05
    variation: float = 0.05

    def __post_init__(self) -> None:
        problems = check_choice("kind.seen", self.seen, (SITE, MEAN))
        if problems := problems + check_choice("kind.start", self.start, (KNOWN, NOISE)):
            raise ConfigErrors(problems)
        whole = "at least 1, or null; got {}.".format
        counts = {key: getattr(self, key) for key in ("images", "restarts", "iterations")}
        rules = {key: (n >= 1, f"at least 1; got {n}.") for key, n in counts.items()}
        for key, value in {"slices": self.slices, "steps": self.steps}.items():
            rules[key] = value is None or value >= 1, whole(value)
        rules["rate"] = self.rate > 0, f"above 0; got {self.rate}."
        rules["variation"] = self.variation >= 0, f"at least 0; got {self.variation}."
        require({f"kind.{key}": rule for key, rule in rules.items()})

    def find_problems(self, run: AttackedRun) -> list[str]:
        """Return a line where the network doesn't read images, or no other site is known."""
        problems: list[str] = []
        if run.module.model.needs_kspace:
            name = type(run.module.model).__name__
            problems.append(f"kind=inversion: {name} reads k-space; only image networks have it.")
        if run.site not in run.participants:
            problems.append(f"site={run.site}: doesn't train, and sends no update.")
        if self.start == KNOWN and not run.list_others():
            problems.append("kind.start=known: the run has no other site; use kind.start=noise.")
        return problems

    def run(self, run: AttackedRun, on_step: OnStep) -> Reconstructions:
        """Return the images that were found, and how they compare.

        Raises:
            FlmrcmError: the site sends nothing.
        """
        site, work = self.narrow(run, run.site)
        update = self.intercept(run, work)
        pool, names = read_pool(run, run.attacked, work)
        batches = run.read_training(site, work, run.round)
        own = {name for batch in batches for name in name_slices(batch)}
        truths = [number for number, name in enumerate(names) if name in own]
        starts = self._draw_starts(run, min(len(truths), self.images))
        run.reset()
        found = self._search(run, update, starts, on_step)
        made, images = {STARTED: starts[0].image, INVERTED: found.images}, pool[:, 0].double()
        images = images.cpu().numpy()
        ways = {way: rate_images(one, truths, names, images) for way, one in made.items()}
        return Reconstructions(names, images, ways, self._describe(work, truths, found))

    def narrow(self, run: AttackedRun, name: str) -> tuple[Site, Workload]:
        """Return a site with the slices that the message is of, and its work."""
        site = run.sites[name]
        if self.slices is not None:
            examples = site.slices("train").examples
            order = shuffle_indices(len(examples), "attacked", run.seed, name)
            site = with_training_slices(site, [examples[i] for i in order[: self.slices]])
        work = run.messages.divide()[name]
        # a division that counts epochs has no steps: then a round is those, of whatever slices
        steps = work.steps if self.steps is None else self.steps
        return site, run.plan_steps(steps, site) if steps else work

    def intercept(self, run: AttackedRun, work: Workload) -> Weights:
        """Return the update that the attacker sees."""
        senders = [run.site] if self.seen == SITE else list(run.participants)
        sites = {name: self.narrow(run, name)[0] for name in senders}
        given = None if self.slices is None and self.steps is None else work
        replies = run.messages.send("train", run.round, sites, given)
        mean = RunningMean()
        for reply in (replies[name] for name in senders):
            mean.add(run.find_update(reply), run.strategy.weigh(reply))
        return mean.result()

    def _draw_starts(self, run: AttackedRun, count: int) -> list[Batch]:
        """Return a start for each restart: batches of as many images as are looked for."""
        known = run.list_others()[0] if self.start == KNOWN else run.site
        batch = next(iter(run.read_training(run.sites[known], Workload(1), run.round)))
        images, targets = batch.image, batch.get_target()
        starts: list[Batch] = []
        for restart in range(self.restarts):
            with seeded("start", run.seed, restart):
                chosen = torch.randint(len(images), (count,), device=images.device)
                image, target = images[chosen], targets[chosen]
                if self.start == NOISE:
                    image = target = _draw_noise(image)
                elif count == 1 and restart == 0:  # what all its images have in common
                    image, target = images.mean(0, keepdim=True), targets.mean(0, keepdim=True)
            starts.append(batch._replace(image=image, target=target))
        return starts

    def _search(
        self, run: AttackedRun, update: Weights, starts: Sequence[Batch], on_step: OnStep
    ) -> Found:
        total, found = self.restarts * self.iterations, list[Found]()
        for number, start in enumerate(starts):
            search = GradientSearch(run, update, start, self.rate, self.iterations, self.variation)
            for iteration in range(self.iterations):
                search.step()
                on_step("update inversion", number * self.iterations + iteration + 1, total)
            found.append(search.read())
        return min(found, key=lambda one: one.distance)

    def _describe(self, work: Workload, truths: Sequence[int], found: Found) -> dict[str, Any]:
        return {
            "slices": len(truths),
            "steps": work.steps,
            "epochs": work.epochs,
            "seen": self.seen,
            "start": self.start,
            "distance": found.distance,
        }


def read_pool(run: AttackedRun, site: Site, work: Workload) -> tuple[Tensor, list[str]]:
    """Return all training images of a site as the round's first pass shows them, and their names.

    Images are normalised, (images, 1, height, width).

    Raises:
        ConfigErrors: they have several sizes.
    """
    if len(site.list_image_sizes("train")) > 1:
        raise ConfigErrors([f"site={site.name}: its images have several sizes."])
    batches = list(run.read_training(site, Workload(work.epochs), run.round))[: site.n_batches]
    names = [name for batch in batches for name in name_slices(batch)]
    return torch.cat([batch.image for batch in batches]), names


def _draw_noise(like: Tensor) -> Tensor:
    """Return smooth noise of the same shape, mean 0 and standard deviation 1."""
    size = like.shape[-2:]
    coarse = torch.randn(len(like), 1, *(ceil(n / _COARSE) for n in size), device=like.device)
    noise = F.interpolate(coarse, size=size, mode="bicubic")
    return (noise - noise.mean()) / noise.std()
