"""Three rounds in double precision equal a loop in plain torch that knows no federation."""

from collections.abc import Iterator, Mapping
from copy import deepcopy

import pytest
import torch
import torch.nn.functional as F
from kits.factories import make_unet
from kits.laws import SEED, TARGET, fl_mrcm
from torch import Tensor, nn

from flmrcm.data.site import Site
from flmrcm.federation.batches import SiteBatches
from flmrcm.federation.workload import Workload
from flmrcm.models.discriminator import build_discriminator
from flmrcm.seeding import seed_for, seeded
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.strategies.fl_mrcm import DISCRIMINATOR

ROUNDS, LR, DECAY, CLIP, WEIGHT = 3, 1e-3, 0.5, 0.1, 0.7
SOURCE, TARGET_CODE = torch.tensor([0.0, 1.0]).double(), torch.tensor([1.0, 0.0]).double()


def bce(logits: Tensor, code: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, code.expand_as(logits))


def train_in_plain_torch(
    model: nn.Module, batches: Mapping[str, list], discriminators: Mapping[str, nn.Module]
) -> dict[str, Tensor]:
    """Return the weights after all rounds; a site without a discriminator trains with L1 alone.

    Args:
        model: with the first weights.
        batches: for each site and round, pairs of its batch and of the target's beside it.
        discriminators: of the sources, with their first weights.
    """
    aligned = bool(discriminators)
    judges = {
        site: torch.optim.RMSprop(judge.parameters(), lr=10 * LR)
        for site, judge in discriminators.items()
    }
    shared, kept = deepcopy(model.state_dict()), {}
    for round_ in range(ROUNDS):
        trained = []
        for site in sorted(batches):
            model.load_state_dict(shared)
            optimizer = torch.optim.RMSprop(model.parameters(), lr=LR)
            if aligned and site in kept:  # published FL-MRCM keeps it, published FL-MR does not
                optimizer.load_state_dict(kept[site])
            optimizer.param_groups[0]["lr"] = LR * DECAY**round_  # the discriminators' stays
            for source, target in batches[site][round_]:
                image, near, _ = model(source)
                loss = (image - source.target).abs().mean()
                if site in discriminators:
                    far, judge = model.encode(target), discriminators[site]
                    told = bce(judge(near.detach()), SOURCE) + bce(judge(far.detach()), TARGET_CODE)
                    judges[site].zero_grad()
                    (told / 2).backward()
                    judges[site].step()
                    fooled = bce(judge(near), TARGET_CODE) + bce(judge(far), SOURCE)
                    loss = loss + WEIGHT * fooled / 2
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), CLIP)
                optimizer.step()
            kept[site] = deepcopy(optimizer.state_dict())
            trained.append(deepcopy(model.state_dict()))
        shared = {k: torch.stack([weights[k] for weights in trained]).mean(0) for k in shared}
    return shared


@pytest.fixture
def double(monkeypatch):
    """Have sites give batches in double precision, and nothing narrow them."""
    prepare = Site.prepare_batch

    def widen(*arguments):
        batch = prepare(*arguments)
        return batch._replace(image=batch.image.double(), target=batch.target.double())

    monkeypatch.setattr(Site, "prepare_batch", widen)
    monkeypatch.setattr(Tensor, "float", Tensor.double)


def read_batches(site: Site, target: Site) -> Iterator[list]:
    for round_ in range(ROUNDS):
        own = SiteBatches(site, torch.device("cpu"), Workload(1), round_)
        yield list(zip(own.train(), own.accompany(target, "shuffled"), strict=False))


def draw_discriminator(site: str, latent_size: int) -> nn.Module:
    with seeded(seed_for(SEED, site, 0), DISCRIMINATOR):
        return build_discriminator(latent_size, width=8).double()


@pytest.mark.parametrize("aligned", [False, True], ids=["fl_mr", "fl_mrcm"])
def test_the_rounds_equal_plain_torch(setting, sites, double, aligned):
    local = {"decay_every": 1, "decay_factor": DECAY, "clip_norm": CLIP, "keep_optimizer": aligned}
    here, model = setting(rounds=ROUNDS, local=local, learning_rate=LR), make_unet().double()
    batches = {name: list(read_batches(site, sites[TARGET])) for name, site in sites.items()}
    sources = [name for name in sites if name != TARGET] if aligned else []
    discriminators = {name: draw_discriminator(name, model.latent_size) for name in sources}
    make = lambda size: build_discriminator(size, width=8).double()  # noqa: E731
    strategy = fl_mrcm(weight=WEIGHT, discriminator=make) if aligned else FedAvg()
    module = here.module()
    module.model.double()
    found = here.federation(strategy, module).run(module.model.state_dict()).weights
    first = make_unet().double().state_dict()
    expected = train_in_plain_torch(model, batches, discriminators)
    for name, tensor in expected.items():
        assert found[name].dtype == torch.float64
        assert (found[name] - tensor).abs().max() <= 1e-12
        assert not torch.allclose(tensor, first[name], atol=1e-6)
