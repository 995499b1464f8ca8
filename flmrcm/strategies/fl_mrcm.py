"""FL-MRCM: federated averaging with cross-site modelling (Guo et al., CVPR 2021, section 3.2).

Each source site keeps a private discriminator that tells its latents z_s from the target site's
z_t; its reconstructor is trained to make the two alike. Two forms: `images` (published), where
sources encode the target's images with their own encoder, and `latents`, where the target sends
only features, under the global weights, before each round.
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
        alignment: `images` or `latents`: what of the target the sources see; `detached` sees
            images but keeps the adversarial term's gradient from the encoder, as the published
            code did for 13 months: with it nothing but the discriminator differs from FL-MR.
        discriminator: makes a discriminator of a given latent size.
        discriminator_optimizer: makes its optimizer of parameters and a rate.
        discriminator_rate: its rate as a multiple of the run's base rate; never decays.
        sampling: `shuffled` or `published`: which target examples go with a source's.
        max_latents: rows the target sends at most (`latents`); None sends one per slice.
        latent_clip: largest Euclidean norm of a sent latent; None leaves them.
        latent_noise: standard deviation of the Gaussian noise on sent latents.
        target_failure: what happens when the target sends no latents: `abort` ends the run, `skip`
            trains without the adversarial term, `reuse` takes the last latents it sent.

    Raises:
        ConfigErrors: a value outside its range.
    """

    needs_target: ClassVar[bool] = True
    needs_latents: ClassVar[bool] = True

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
        require(
            {
                "strategy.weight": (self.weight >= 0, f"at least 0; got {self.weight}."),
                "strategy.discriminator_rate": (
                    self.discriminator_rate > 0,
                    f"above 0; got {self.discriminator_rate}.",
                ),
                "strategy.max_latents": (
                    rows is None or rows > 0,
                    f"at least 1, or null; got {rows}.",
                ),
                "strategy.latent_clip": (
                    clip is None or clip > 0,
                    f"above 0, or null; got {clip}.",
                ),
                "strategy.latent_noise": (noise >= 0, f"at least 0; got {noise}."),
            }
        )

    @property
    def needs_target_images(self) -> bool:
        """True for the published form."""
        return self.alignment != LATENTS

    @property
    def target_sampling(self) -> str:
        """As the key `sampling` says."""
        return self.sampling

    @property
    def tolerates_missing_target(self) -> bool:
        """As the key `target_failure` says."""
        return self.target_failure != ABORT

    def survey(self, state: ServerState, round_: int) -> Mapping[str, Broadcast]:
        """Asks the target for its latents under the current global weights."""
        if self.needs_target_images or self.target is None:
            return {}
        return {self.target: Broadcast(round_, state.weights)}

    def validate_reply(self, op: str, sent: Broadcast, reply: Reply) -> str | None:
        """The answer to a survey must be latents, (n, latent_size), at least one."""
        latents = reply.extras.get(LATENTS, {}).get(LATENTS, torch.empty(0))
        good = op != "survey" or (latents.ndim == 2 and latents.numel() > 0)
        return None if good else "its answer holds no latents"

    def on_survey_replies(self, state: ServerState, answers: Sequence[Reply]) -> ServerState:
        """Keeps the target's last latents where they're to be reused."""
        if self.target_failure != REUSE or not answers:
            return state
        return ServerState(state.weights, {**state.extras, LATENTS: answers[0].extras[LATENTS]})

    def build_extras(
        self, site: str, state: ServerState, answers: Sequence[Reply]
    ) -> Mapping[str, Weights]:
        """Sends the target's latents on to the sources; the last ones where none came."""
        if site == self.target or self.needs_target_images:
            return {}
        if answers:
            return {LATENTS: answers[0].extras[LATENTS]}
        return {LATENTS: _find_last_latents(state)} if self.target_failure == REUSE else {}

    def local_rule(self, site: SiteContext) -> LocalRule:
        """Gives adversarial alignment, or plain training at the target, and without latents."""
        skipped = self.target_failure == SKIP and LATENTS not in site.message.extras
        if site.is_target or (skipped and not self.needs_target_images):
            return LocalRule()
        return Alignment(self, site)

    def answer_survey(self, site: SiteContext, batches: Iterator[Batch]) -> Mapping[str, Weights]:
        """Gives the target's latents, (n, latent_size): at most `max_latents`, clipped, noised."""
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
    """A source site's half: trains the discriminator C, then aligns the encoder against it."""

    def __init__(self, strategy: FLMRCM, site: SiteContext) -> None:
        if strategy.needs_target_images and site.target is None:
            raise SiteFailed(
                f"{strategy.name} needs the images of {strategy.target} at every site."
            )
        self.strategy, self.site = strategy, site
        self.device = next(site.module.model.parameters()).device
        with seeded(site.seed, DISCRIMINATOR):
            self.discriminator = strategy.discriminator(site.module.latent_size).to(self.device)
        if known := site.memory.tensors.get(DISCRIMINATOR):
            self.discriminator.load_state_dict(known)
        self.optimizer = strategy.discriminator_optimizer(
            self.discriminator.parameters(), lr=strategy.discriminator_rate * site.learning_rate
        )
        if state := site.memory.optimizers.get(DISCRIMINATOR):
            self.optimizer.load_state_dict(state)
        self.received = site.message.extras.get(LATENTS, {}).get(LATENTS, torch.empty(0))
        self.rows = self._row_order()
        self.totals = torch.zeros(3, device=self.device)

    def extend(self, step: Step, batch: Batch) -> Step:
        """Adds the target's latents: encoded here, or drawn from those received."""
        if self.site.target is not None:
            return {**step, "target_latent": self.site.module.encode(next(self.site.target))}
        rows = torch.tensor([next(self.rows) for _ in range(len(batch.volume))])
        return {**step, "target_latent": self.received[rows].to(self.device)}

    def observe(self, step: Step, batch: Batch) -> None:
        """Takes one discriminator step on detached latents: ½[BCE(C(z_s)) + BCE(C(z_t))]."""
        self.discriminator.requires_grad_(True)
        source, target = (self.discriminator(z) for z in _pair_latents(step, detached=True))
        loss = (_bce(source, SOURCE) + _bce(target, TARGET)) / 2
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        accuracy = (_measure_share(source, 1) + _measure_share(target, 0)) / 2
        self.totals += torch.stack([torch.ones_like(loss), loss.detach(), accuracy])

    def penalty(self, step: Step, batch: Batch) -> Tensor | float:
        """Gives λ·½[BCE(C(z_s), target) + BCE(C(z_t), source)] with C frozen."""
        self.discriminator.requires_grad_(False)
        cut = self.strategy.alignment == DETACHED
        source, target = (self.discriminator(z) for z in _pair_latents(step, detached=cut))
        return self.strategy.weight * (_bce(source, TARGET) + _bce(target, SOURCE)) / 2

    def finish(self, module: Learner) -> Mapping[str, Weights]:
        """Keeps the discriminator and its optimizer at home; sends nothing more."""
        memory = self.site.memory
        memory.tensors[DISCRIMINATOR] = self.discriminator.state_dict()
        memory.optimizers[DISCRIMINATOR] = self.optimizer.state_dict()
        return {}

    def metrics(self) -> dict[str, float]:
        """Gives the discriminator's mean loss and accuracy over the round."""
        steps, loss, accuracy = self.totals.tolist()
        if not steps:
            return {}
        return {"discriminator_loss": loss / steps, "discriminator_accuracy": accuracy / steps}

    def _row_order(self) -> Iterator[int]:
        deck = 0
        while len(self.received):
            rng = torch.Generator().manual_seed(seed_for(self.site.seed, LATENTS, deck))
            yield from torch.randperm(len(self.received), generator=rng).tolist()
            deck += 1


def _pair_latents(step: Step, detached: bool) -> tuple[Tensor, Tensor]:
    pair = step["latent"].float(), step["target_latent"].float()  # pyright: ignore[reportTypedDictNotRequiredAccess]
    return (pair[0].detach(), pair[1].detach()) if detached else pair


def _find_last_latents(state: ServerState) -> Weights:
    if LATENTS not in state.extras:
        raise SiteFailed("strategy.target_failure=reuse: the target has sent no latents before.")
    return state.extras[LATENTS]


def _measure_share(logits: Tensor, column: int) -> Tensor:
    return (logits.argmax(1) == column).float().mean()


def _bce(logits: Tensor, code: tuple[float, float]) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, logits.new_tensor(code).expand_as(logits))
