"""Latent inversion: the image behind the features that FL-MRCM's target site sends.

A decoder learns features → image from another site's images, which the attacker has (Dosovitskiy
and Brox, Inverting Visual Representations with Convolutional Networks, CVPR 2016); then the image
is changed until the encoder gives the features that were sent (Mahendran and Vedaldi, CVPR 2015).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flmrcm.attacks.attacked_run import (
    Attack,
    AttackedRun,
    OnStep,
    measure_variation,
)
from flmrcm.attacks.inversion import read_pool
from flmrcm.attacks.reconstructions import STARTED, Reconstructions, rate_images
from flmrcm.errors import require
from flmrcm.federation.workload import Workload
from flmrcm.seeding import seeded
from flmrcm.strategies.base import Strategy
from flmrcm.strategies.fl_mrcm import LATENTS
from flmrcm.types import Batch

DECODED, REFINED = "decoder", "optimised"
_GRID = 4  # rows and columns that a decoder begins with
_BATCH = 16


class Decoder(nn.Module):
    """Features to image: a linear layer, then convolutions between doublings of the size.

    Args:
        width: of the features.
        size: height and width of the image, pixels.
        channels: of every layer.
    """

    def __init__(self, width: int, size: tuple[int, int], channels: int = 32) -> None:
        super().__init__()
        self.size, self.channels = size, channels
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("std", torch.ones(width))
        self.first = nn.Linear(width, channels * _GRID**2)
        doublings = max(1, (max(size) // _GRID - 1).bit_length())
        self.blocks = nn.ModuleList(
            nn.Conv2d(channels, channels, 3, padding=1) for _ in range(doublings)
        )
        self.last = nn.Conv2d(channels, 1, 3, padding=1)

    def forward(self, latent: Tensor) -> Tensor:
        """Return images, (batch, 1, height, width), of features, (batch, width)."""
        x = self.first((latent - self.mean) / self.std).view(-1, self.channels, _GRID, _GRID)
        for block in self.blocks:
            x = F.leaky_relu(block(F.interpolate(F.leaky_relu(x, 0.2), scale_factor=2)), 0.2)
        return self.last(F.interpolate(x, size=self.size, mode="bilinear"))

    def standardise(self, latents: Tensor) -> None:
        """Take mean and spread of the features it is to be trained on, (n, width)."""
        self.mean, self.std = latents.mean(0), latents.std(0).clamp(min=1e-6)


@dataclass(frozen=True)
class LatentInversion(Attack):
    """Looks for the images behind the features that a site sends in a survey.

    Args:
        images: the most that are looked for.
        passes: over the known site's slices for the decoder to learn from, each under other masks.
        decoder_steps: Adam steps of the decoder.
        iterations: Adam steps on the images, begun with the decoder's; 0 leaves these out.
        rate: Adam's learning rate, of the images.
        variation: weight of the images' total variation.

    Raises:
        ConfigErrors: a value outside its range.
    """

    images: int = 8
    passes: int = 4
    decoder_steps: int = 1000
    iterations: int = 500
    rate: float = 0.02
    variation: float = 0.01

    def __post_init__(self) -> None:
        counts = {key: getattr(self, key) for key in ("images", "passes", "decoder_steps")}
        rules = {key: (n >= 1, f"at least 1; got {n}.") for key, n in counts.items()}
        n = self.iterations
        rules["iterations"] = n >= 0, f"at least 0; got {n}."
        rules["rate"] = self.rate > 0, f"above 0; got {self.rate}."
        rules["variation"] = self.variation >= 0, f"at least 0; got {self.variation}."
        require({f"kind.{key}": rule for key, rule in rules.items()})

    def choose_site(self, strategy: Strategy, participants: Sequence[str]) -> str:
        """Return the target, whose latents they are."""
        return strategy.target or min(participants)

    def find_problems(self, run: AttackedRun) -> list[str]:
        """Return a line where no latents cross, or the attacker knows no other site."""
        problems: list[str] = []
        if not run.module.latent_size:
            name = type(run.module.model).__name__
            problems.append(f"kind=latent_inversion: {name} has no latent.")
        if run.site not in run.strategy.survey(run.state, run.round):
            problems.append(
                f"kind=latent_inversion: {run.strategy.name} has site {run.site} send no latents; "
                "strategy=fl_mrcm_latent does, of its target."
            )
        if not run.list_others():
            problems.append("kind=latent_inversion: the run has no other site to learn from.")
        return problems

    def run(self, run: AttackedRun, on_step: OnStep) -> Reconstructions:
        """Return the images that were found, and how they compare.

        Raises:
            FlmrcmError: the site sends no latents.
        """
        reply = run.messages.send("survey", run.round, {run.site: run.attacked})[run.site]
        sent = reply.extras[LATENTS][LATENTS]
        pool, names = read_pool(run, run.attacked, run.messages.divide()[run.site])
        count = min(self.images, len(sent))
        goal = sent[:count].to(pool)
        run.reset()
        run.module.eval()
        known = self._read_known(run)
        decoder = self._train_decoder(run, known, on_step)
        with torch.no_grad():
            decoded = decoder(goal)
        mean = torch.cat([batch.image for batch in known]).mean(0, keepdim=True)
        found = {STARTED: mean.expand_as(decoded), DECODED: decoded}
        if self.iterations:
            found[REFINED] = self._refine(run, goal, decoded, known[0], on_step)
        images = pool[:, 0].double().cpu().numpy()
        # whose latent is whose is known: their order is that of training
        ways = {
            way: [rate_images(made[i : i + 1], [i], names, images)[0] for i in range(count)]
            for way, made in found.items()
        }
        about = {"latents_sent": len(sent), "width": sent.shape[1]}
        return Reconstructions(names, images, ways, about)

    def _read_known(self, run: AttackedRun) -> list[Batch]:
        """Return the known site's batches, in several passes under different masks."""
        site = run.sites[run.list_others()[0]]
        # passes that training hasn't come to, so that no mask is the target's
        return list(run.read_training(site, Workload(self.passes), run.round + run.rounds))

    def _train_decoder(self, run: AttackedRun, known: Sequence[Batch], on_step: OnStep) -> Decoder:
        with torch.no_grad():
            latents = torch.cat([run.module.encode(batch) for batch in known])
        images = torch.cat([batch.image for batch in known])
        height, width = images.shape[-2:]
        with seeded("decoder", run.seed):
            decoder = Decoder(latents.shape[1], (height, width)).to(images.device)
            decoder.standardise(latents)
            optimizer = torch.optim.Adam(decoder.parameters(), 1e-3)
            for step in range(self.decoder_steps):
                chosen = torch.randint(len(images), (_BATCH,)).to(images.device)
                loss = F.l1_loss(decoder(latents[chosen]), images[chosen])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                on_step("decoder", step + 1, self.decoder_steps)
        return decoder

    def _refine(
        self, run: AttackedRun, goal: Tensor, start: Tensor, like: Batch, on_step: OnStep
    ) -> Tensor:
        """Return images whose latents are nearer to those that were sent."""
        images = start.clone().requires_grad_()
        optimizer = torch.optim.Adam([images], self.rate)
        for iteration in range(self.iterations):
            made = run.module.encode(like._replace(image=images, target=None))
            error = ((made - goal) ** 2).sum(1) / (goal**2).sum(1).clamp(min=1e-12)
            loss = error.mean() + self.variation * measure_variation(images)
            optimizer.zero_grad()
            (images.grad,) = torch.autograd.grad(loss, [images])
            optimizer.step()
            on_step("optimisation", iteration + 1, self.iterations)
        return images.detach()
