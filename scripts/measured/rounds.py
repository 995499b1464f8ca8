"""(a) what the framework adds to a round; (b) what our arithmetic saves against the published."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from copy import deepcopy
from functools import partial
from hashlib import blake2b
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from statistics import median
from typing import NamedTuple, cast
from unittest.mock import patch

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flmrcm.federation.checkpoint import CheckpointFolder
from flmrcm.federation.memory import MemoryStore
from flmrcm.learning.module import ReconModule
from flmrcm.models.discriminator import build_discriminator
from flmrcm.models.reconstructor import HasLatent, Reconstructor
from flmrcm.seeding import seed_for, seeded
from flmrcm.types import Batch, Weights
from measured.fixtures import SEED, TARGET, TINY, Fixture, Size, make_federation, make_fixture
from measured.measurement import Figure, count_flops, make_ratio, measure_in_turn, time_once

CPU = torch.device("cpu")
OVERHEAD, ARITHMETIC = Size(128, 32, 16, 7), Size(128, 32, 4, 5)
RATE, CODES = 1e-4, torch.tensor([[0.0, 1.0], [1.0, 0.0]])  # a source's code, a target's


class Run(NamedTuple):
    """What a round took, and a fingerprint of all bits of the weights it ended with."""

    seconds: float
    page_faults: int
    fingerprint: str


def measure_round_overhead(folder: Path, quick: bool) -> list[Figure]:
    """Return framework / bare loop for a round over a source and the target."""
    size = TINY if quick else OVERHEAD
    slices = {"source": size.slices, TARGET: size.slices}
    words = (f"model.channels={size.channels}", "data.cache=ram")
    figures: list[Figure] = []
    for word in ("strategy=fl_mr", "strategy=fl_mrcm"):
        fixture = make_fixture(folder, slices, size.image, *words, word)
        runs = measure_in_turn(
            {
                "lean": partial(measure_lean_round, fixture),
                "bare": partial(measure_run, make_bare_round(fixture)),
            },
            1 + size.repeats,
        )
        require_equal(*runs.values())
        lean, bare = ([run.seconds for run in each[1:]] for each in runs.values())
        faults = {way: median(run.page_faults for run in each[1:]) for way, each in runs.items()}
        note = f"no files; page faults {faults['lean']:,.0f} against {faults['bare']:,.0f}"
        name = f"{fixture.parts.strategy.name} round / bare loop"
        figures.append(make_ratio(name, lean, bare, "≤ 1.05", note))
    return figures


def measure_round(fixture: Fixture) -> Run:
    """Return what the first round takes in the framework."""
    federation = make_federation(fixture)
    return measure_run(lambda: federation.run(fixture.initial).weights)


def measure_run(work: Callable[[], Weights]) -> Run:
    """Return what the work takes."""
    faults = getrusage(RUSAGE_SELF).ru_minflt
    weights, seconds = time_once(work)
    faults = getrusage(RUSAGE_SELF).ru_minflt - faults
    bits = b"".join(weights[name].numpy().tobytes() for name in sorted(weights))
    return Run(seconds, faults, blake2b(bits).hexdigest())


def measure_lean_round(fixture: Fixture) -> Run:
    """Return what the first round takes where neither checkpoint nor memories are written."""
    with patch.object(CheckpointFolder, "save", return_value=[]), patch.object(MemoryStore, "save"):
        return measure_round(fixture)


def require_equal(*ways: Sequence[Run]) -> None:
    """Raise a ValueError unless all runs end with the same weights, bit for bit."""
    if len({run.fingerprint for runs in ways for run in runs}) > 1:
        raise ValueError("the weights of two ways differ: their times can't be compared.")


def make_bare_round(fixture: Fixture) -> Callable[[], Weights]:
    """Return round 0 as one would write it without a framework: plain PyTorch, data in memory."""
    model, start = fixture.parts.module.model, fixture.initial
    trainings = [make_training(fixture, name) for name in fixture.parts.plan.participants]

    def run() -> Weights:
        ends: list[Weights] = []
        for train in trainings:
            model.load_state_dict(start)
            train(model)
            ends.append({name: tensor.clone() for name, tensor in model.state_dict().items()})
        return {k: torch.stack([end[k].double() for end in ends]).mean(0).float() for k in start}

    return run


def make_training(fixture: Fixture, name: str) -> Callable[[Reconstructor], None]:
    """Return a site's training in round 0; sources are aligned where the strategy shows images."""
    strategy, sites = fixture.parts.strategy, fixture.parts.sites
    site, target = sites[name], sites[TARGET]
    batches = [site.prepare_batch(raw, CPU) for raw in site.train_dataloader()]
    companions, critic = list[Batch | None]([None] * len(batches)), None
    if strategy.needs_target_images and site is not target:
        raws = target.target_batches(site.n_examples, strategy.target_sampling, 0, name)
        companions = [target.prepare_batch(raw, CPU) for raw in raws]
        with seeded(seed_for(SEED, name, 0), "discriminator"):
            critic = build_discriminator(fixture.parts.module.latent_size)

    def train(model: Reconstructor) -> None:
        model.train()
        optimizer = torch.optim.RMSprop(model.parameters(), lr=RATE)
        align = make_alignment(deepcopy(critic)) if critic else None
        for batch, companion in zip(batches, companions, strict=True):
            image, latent, _ = model(batch)
            loss = F.l1_loss(image, batch.get_target())
            if align and companion:
                loss = loss + align(latent, cast(HasLatent, model).encode(companion))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return train


def make_alignment(critic: nn.Module) -> Callable[[Tensor, Tensor], Tensor]:
    """Return what trains the critic on a source's and a target's latents, then returns a loss."""
    optimizer = torch.optim.RMSprop(critic.parameters(), lr=10 * RATE)

    def discriminate(source: Tensor, target: Tensor, codes: Tensor) -> Tensor:
        logits = [critic(source), critic(target)]
        pairs = ((each, code.expand_as(each)) for each, code in zip(logits, codes, strict=True))
        return torch.stack([F.binary_cross_entropy_with_logits(*pair) for pair in pairs]).mean()

    def align(source: Tensor, target: Tensor) -> Tensor:
        critic.requires_grad_(True)
        loss = discriminate(source.detach(), target.detach(), CODES)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        critic.requires_grad_(False)
        return discriminate(source, target, CODES.flip(0))

    return align


def measure_arithmetic(folder: Path, quick: bool) -> list[Figure]:
    """Return published arithmetic / ours for three sources, a target and two local epochs."""
    size = TINY if quick else ARITHMETIC
    slices = {**{f"source_{number}": size.slices for number in (1, 2, 3)}, TARGET: size.slices}
    words = (f"model.channels={size.channels}", "data.cache=ram", "participants=others")
    words = (*words, "local.epochs=2", "strategy=fl_mrcm")
    ours = {
        name: make_fixture(folder, slices, size.image, *words, f"strategy.alignment={name}")
        for name in ("images", "latents")
    }
    ways = {name: partial(measure_lean_round, fixture) for name, fixture in ours.items()}
    ways["published"] = partial(measure_published_round, ours["images"])
    flops = {name: count_flops(way) for name, way in ways.items()}
    runs = measure_in_turn(ways, size.repeats)
    require_equal(runs["published"], runs["images"])
    seconds = {name: [run.seconds for run in each] for name, each in runs.items()}
    figures: list[Figure] = []
    for way, target in (("images", "≥ 1.2"), ("latents", "≥ 1.5")):
        name = f"published FL-MRCM / ours, {way}"
        note = f"counted operations allow {flops['published'] / flops[way]:.2f} ×"
        figures.append(make_ratio(name, seconds["published"], seconds[way], target, note))
    return figures


def measure_published_round(fixture: Fixture) -> Run:
    """Return what a round takes as the published code computes it: it decodes in vain."""
    with publish_arithmetic():
        return measure_lean_round(fixture)


def publish_arithmetic() -> AbstractContextManager[object]:
    """Return a context in which the target's images are decoded, as in the published code."""
    return patch.object(ReconModule, "encode", lambda module, batch: module.model(batch).latent)
