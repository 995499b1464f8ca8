"""FL-MRCM: federated averaging with cross-site modelling (Guo et al., CVPR 2021, section 3.2).

Each source site has a private discriminator that separates its latents z_s from the target site's
z_t; its reconstructor is trained to make the two alike. Two forms: `images` (published), where
sources encode the target's images with their own encoder, and `latents`, where the target sends
only features, computed with the global weights, before each round.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer

from flmrcm.errors import ConfigErrors, SiteFailed, check_choice, require
from flmrcm.seeding import seed_for, seeded
from flmrcm.strategies.base import LocalRule
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.types import Batch, Broadcast, Learner, Reply, ServerState, SiteContext, Step, Weights

LATENTS = "latents"
DETACHED = "detached"
ALIGNMENTS = ("images", LATENTS, DETACHED)
DISCRIMINATOR = "discriminator"
ABORT, SKIP, REUSE = "abort", "skip", "reuse"
SOURCE, TARGET = (0.0, 1.0), (1.0, 0.0)


@dataclass(frozen=True)
class FLMRCM(FedAvg):
    """Federated averaging whose sites align their latents with the target site's.

    Args:
        weight: λ of the adversarial term, ≥ 0; 0 leaves federated averaging.
        alignment: `images` or `latents`, which the sources see of the target; `detached` sees
            images, but the adversarial term's gradient does not reach the encoder, as in the
            published code for 13 months: then nothing but the discriminator differs from FL-MR.
        discriminator: makes a discriminator for a given latent size.
        discriminator_optimizer: makes its optimizer for parameters and a learning rate.
        discriminator_rate: its learning rate as a multiple of the run's base rate; no decay.
        sampling: `shuffled` or `published`: which target examples accompany a source's.
        max_latents: the most rows that the target sends (`latents`); None sends one per slice.
        latent_clip: largest Euclidean norm of a sent latent; None clips nothing.
        latent_noise: standard deviation of the Gaussian noise on sent latents.
        target_failure: what happens when the target sends no latents: `abort` ends the run, `skip`
            trains without the adversarial term, `reuse` takes the latents that it sent last.

    Raises:
        ConfigErrors: a value outside its range.
    """

    needs_target: ClassVar[bool] = True
    needs_latents: ClassVar[bool] = True
    per_step: ClassVar[str] = "the discriminator's step; of images, an encoder pass, too"

    weight: float = 1.0
    alignment: str = "images"
    discriminator: Callable[[int], nn.Module] = field(kw_only=True)
    discriminator_optimizer: Callable[..., Optimizer] = field(kw_only=True)
    discriminator_rate: float = 10.0
    sampling: str = "shuffled"
    max_latents: int | None = None
    latent_clip: float | None = None
    latent_noise: float = 0.0
    target_failure: str = ABORT

    def __post_init__(self) -> None:
        super().__post_init__()
        problems = check_choice("strategy.alignment", self.alignment, ALIGNMENTS)
        problems += check_choice("strategy.sampling", self.sampling, ("shuffled", "published"))
        known = ABORT, SKIP, REUSE
        problems += check_choice("strategy.target_failure", self.target_failure, known)
        if problems:
            raise ConfigErrors(problems)
        clip, rows, noise = self.latent_clip, self.max_latents, self.latent_noise
        rate, positive = self.discriminator_rate, f"above 0, or null; got {clip}."
        count = f"at least 1, or null; got {rows}."
        require(
            {
                "strategy.weight": (self.weight >= 0, f"at least 0; got {self.weight}."),
                "strategy.discriminator_rate": (rate > 0, f"above 0; got {rate}."),
                "strategy.max_latents": (rows is None or rows > 0, count),
                "strategy.latent_clip": (clip is None or clip > 0, positive),
                "strategy.latent_noise": (noise >= 0, f"at least 0; got {noise}."),
            }
        )

    @property
    def needs_target_images(self) -> bool:
        """Whether sites must see the target's images: in the published form."""
        return self.alignment != LATENTS

    @property
    def target_sampling(self) -> str:
        """The order in which the target's examples accompany a source's: the key `sampling`."""
        return self.sampling

    @property
    def tolerates_missing_target(self) -> bool:
        """Whether a round goes on without the target's latents: the key `target_failure`."""
        return self.target_failure != ABORT

    def survey(self, state: ServerState, round_: int) -> Mapping[str, Broadcast]:
        """Return a message that asks the target for its latents under the global weights."""
        if self.needs_target_images or self.target is None:
            return {}
        return {self.target: Broadcast(round_, state.weights)}

    def validate_reply(self, op: str, sent: Broadcast, reply: Reply) -> str | None:
        """Return what is wrong with an answer: it must hold latents, (n, latent_size), n ≥ 1."""
        latents = reply.extras.get(LATENTS, {}).get(LATENTS, torch.empty(0))
        good = op != "survey" or (latents.ndim == 2 and latents.numel() > 0)
        return super().validate_reply(op, sent, reply) if good else "its answer holds no latents"

    def on_survey_replies(self, state: ServerState, answers: Sequence[Reply]) -> ServerState:
        """Return the state with the target's last latents where they are to be reused."""
        if self.target_failure != REUSE or not answers:
            return state
        return ServerState(state.weights, {**state.extras, LATENTS: answers[0].extras[LATENTS]})

    def build_extras(
        self, site: str, state: ServerState, answers: Sequence[Reply]
    ) -> Mapping[str, Weights]:
        """Return the target's latents for a source; the last ones where none arrived."""
        if site == self.target or self.needs_target_images:
            return {}
        if answers:
            return {LATENTS: answers[0].extras[LATENTS]}
        return {LATENTS: _find_last_latents(state)} if self.target_failure == REUSE else {}

    def local_rule(self, site: SiteContext) -> LocalRule:
        """Return adversarial alignment; plain training at the target, and without latents."""
        skipped = self.target_failure == SKIP and LATENTS not in site.message.extras
        if site.is_target or (skipped and not self.needs_target_images):
            return LocalRule()
        return Alignment(self, site)

    def answer_survey(self, site: SiteContext, batches: Iterator[Batch]) -> Mapping[str, Weights]:
        """Return the target's latents, (n, latent_size): at most `max_latents`, clipped, noised."""
        rows: list[Tensor] = []
        for batch in batches:
            rows.extend(site.module.encode(batch).float().cpu())
            if self.max_latents is not None and len(rows) >= self.max_latents:
                break
        latents = torch.stack(rows[: self.max_latents])
        if self.latent_clip is not None:
            norms = latents.norm(dim=1, keepdim=True)
            latents = latents * (self.latent_clip / norms.clamp(min=self.latent_clip))
        if self.latent_noise:
            rng = torch.Generator().manual_seed(seed_for(site.seed, "noise"))
            latents = latents + self.latent_noise * torch.randn(latents.shape, generator=rng)
        return {LATENTS: {LATENTS: latents}}


class Alignment(LocalRule):
    """A source site's half: trains the discriminator C, then the encoder against it.

    See Guo et al., section 3.2. As in the published code, the losses are binary cross entropies on
    two-element codes: source (0, 1), target (1, 0).
    """

    def __init__(self, strategy: FLMRCM, site: SiteContext) -> None:
        if strategy.needs_target_images and site.target is None:
            raise SiteFailed(
                f"{strategy.name} needs the images of {strategy.target} at every site."
            )
        self.strategy, self.site = strategy, site
        self.device = next(site.module.model.parameters()).device
        with seeded(site.seed, DISCRIMINATOR):
            self.discriminator = strategy.discriminator(site.module.latent_size).to(self.device)
        if weights := site.memory.tensors.get(DISCRIMINATOR):
            self.discriminator.load_state_dict(weights)
        self.optimizer = strategy.discriminator_optimizer(
            self.discriminator.parameters(), lr=strategy.discriminator_rate * site.learning_rate
        )
        if state := site.memory.optimizers.get(DISCRIMINATOR):
            self.optimizer.load_state_dict(state)
        self.received = site.message.extras.get(LATENTS, {}).get(LATENTS, torch.empty(0))
        self.rows = self._draw_rows()
        self.totals = torch.zeros(3, device=self.device)

    def extend(self, step: Step, batch: Batch) -> Step:
        """Return the step with target latents, (batch, latent_size): encoded here or received."""
        if self.site.target is not None:
            return {**step, "target_latent": self.site.module.encode(next(self.site.target))}
        rows = torch.tensor([next(self.rows) for _ in range(len(batch.volume))])
        return {**step, "target_latent": self.received[rows].to(self.device)}

    def observe(self, step: Step, batch: Batch) -> None:
        """Take one discriminator step on detached latents: ½[BCE(C(z_s)) + BCE(C(z_t))]."""
        self.discriminator.requires_grad_(True)
        source, target = (self.discriminator(z) for z in _pair_latents(step, detached=True))
        loss = (_bce(source, SOURCE) + _bce(target, TARGET)) / 2
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        accuracy = (_measure_accuracy(source, 1) + _measure_accuracy(target, 0)) / 2
        self.totals += torch.stack([torch.ones_like(loss), loss.detach(), accuracy])

    def penalty(self, step: Step, batch: Batch) -> Tensor | float:
        """Return λ·½[BCE(C(z_s), target) + BCE(C(z_t), source)], a scalar, with C frozen."""
        self.discriminator.requires_grad_(False)
        cut = self.strategy.alignment == DETACHED
        source, target = (self.discriminator(z) for z in _pair_latents(step, detached=cut))
        return self.strategy.weight * (_bce(source, TARGET) + _bce(target, SOURCE)) / 2

    def finish(self, module: Learner) -> Mapping[str, Weights]:
        """Write the discriminator and its optimizer to the memory; the reply carries no more."""
        memory = self.site.memory
        memory.tensors[DISCRIMINATOR] = self.discriminator.state_dict()
        memory.optimizers[DISCRIMINATOR] = self.optimizer.state_dict()
        return {}

    def metrics(self) -> dict[str, float]:
        """Return the discriminator's mean loss and accuracy, in [0, 1], over the round."""
        steps, loss, accuracy = self.totals.tolist()
        if not steps:
            return {}
        return {"discriminator_loss": loss / steps, "discriminator_accuracy": accuracy / steps}

    def _draw_rows(self) -> Iterator[int]:
        """Return endless rows of the received latents; each permutation uses all of them once."""
        permutation = 0
        while len(self.received):
            rng = torch.Generator().manual_seed(seed_for(self.site.seed, LATENTS, permutation))
            yield from torch.randperm(len(self.received), generator=rng).tolist()
            permutation += 1


def _pair_latents(step: Step, detached: bool) -> tuple[Tensor, Tensor]:
    pair = step["latent"].float(), step["target_latent"].float()  # pyright: ignore[reportTypedDictNotRequiredAccess]
    return (pair[0].detach(), pair[1].detach()) if detached else pair


def _find_last_latents(state: ServerState) -> Weights:
    if LATENTS not in state.extras:
        raise SiteFailed("strategy.target_failure=reuse: the target has sent no latents before.")
    return state.extras[LATENTS]


def _measure_accuracy(logits: Tensor, column: int) -> Tensor:
    return (logits.argmax(1) == column).float().mean()


def _bce(logits: Tensor, code: tuple[float, float]) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, logits.new_tensor(code).expand_as(logits))
