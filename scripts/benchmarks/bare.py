"""A round as one would write it without a framework: tensors in memory, plain PyTorch."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.bed import RATE, SEED, Bed, make_optimizer
from flmrcm.data.site import Site
from flmrcm.models.discriminator import build_discriminator
from flmrcm.models.reconstructor import Reconstructor
from flmrcm.seeding import seed_for, seeded
from flmrcm.types import Batch, Weights

SOURCE, TARGET = (0.0, 1.0), (1.0, 0.0)


@dataclass(frozen=True)
class Share:
    """What a site trains on in round 0.

    Attributes:
        batches: prepared, in the order the framework visits them.
        companions: the target's, one for each; None where the site isn't aligned.
        critic: the discriminator's initial weights; None where the site isn't aligned.
    """

    batches: list[Batch]
    target_batches: list[Batch] | None = None
    critic: Weights | None = None


def shares_of(bed: Bed, target: str | None) -> list[Share]:
    """Prepares what every participant sees in round 0, in sorted order.

    Args:
        bed: the sites.
        target: whose images the others are aligned with; None for plain averaging.
    """
    return [_share(bed, bed.sites[name], target) for name in sorted(bed.participants)]


def bare_round(model: Reconstructor, start: Weights, shares: Sequence[Share]) -> Weights:
    """Trains every share from the same weights and gives the mean of what they become."""
    ends = [_trained(model, start, share) for share in shares]
    return {
        name: torch.stack([end[name].double() for end in ends]).mean(0).float() for name in start
    }


def _share(bed: Bed, site: Site, target: str | None) -> Share:
    visits, cpu = range(bed.training.epochs), torch.device("cpu")
    loader, batches = site.train_dataloader(), list[Batch]()
    for epoch in visits:
        loader.sampler.set_epoch(epoch)  # pyright: ignore[reportAttributeAccessIssue]
        batches += [site.prepare_batch(raw, cpu) for raw in loader]
    if target in (None, site.name):
        return Share(batches)
    other, n = bed.sites[str(target)], site.n_examples
    companions = [
        other.prepare_batch(raw, cpu)
        for epoch in visits
        for raw in other.target_batches(n, "shuffled", epoch, site.name)
    ]
    with seeded(seed_for(SEED, site.name, 0), "discriminator"):
        critic = build_discriminator(bed.module().latent_size)
    return Share(batches, companions, critic.state_dict())


def _trained(model: Reconstructor, start: Weights, share: Share) -> Weights:
    model.load_state_dict(start)
    model.train()
    if share.target_batches is None:
        _plain(model, share.batches)
    else:
        _aligned(model, share.batches, share.target_batches, share.critic or {})
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def _plain(model: Reconstructor, batches: Sequence[Batch]) -> None:
    optimizer = make_optimizer(model.parameters())
    for batch in batches:
        image, _ = model(batch)
        loss = F.l1_loss(image, batch.target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def _aligned(
    model: Reconstructor, batches: Sequence[Batch], companions: Sequence[Batch], initial: Weights
) -> None:
    critic = build_discriminator(model.latent_size)
    critic.load_state_dict(initial)
    optimizer = make_optimizer(model.parameters())
    critic_optimizer = torch.optim.RMSprop(critic.parameters(), lr=10 * RATE)
    for batch, companion in zip(batches, companions, strict=True):
        image, source = model(batch)
        target = model.encode(companion)
        critic.requires_grad_(True)
        critic_loss = _disagreement(critic, source.detach(), target.detach(), (SOURCE, TARGET))
        critic_optimizer.zero_grad()
        critic_loss.backward()
        critic_optimizer.step()
        critic.requires_grad_(False)
        loss = F.l1_loss(image, batch.target)
        loss = loss + _disagreement(critic, source, target, (TARGET, SOURCE))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def _disagreement(
    critic: nn.Module, source: Tensor, target: Tensor, codes: tuple[tuple[float, float], ...]
) -> Tensor:
    terms = [
        F.binary_cross_entropy_with_logits(logits, torch.tensor(code).expand_as(logits))
        for logits, code in zip((critic(source), critic(target)), codes, strict=True)
    ]
    return (terms[0] + terms[1]) / 2
