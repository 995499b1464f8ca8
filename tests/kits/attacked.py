"""Hospitals whose patients look alike, and runs over them that attacks are tried on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from kits.factories import make_site, make_unet
from scipy.ndimage import gaussian_filter

from flmrcm.attacks.attacked_run import AttackedRun
from flmrcm.data.h5 import write_volume
from flmrcm.data.site import Site
from flmrcm.federation.local_training import LocalTraining
from flmrcm.federation.workload import Workload
from flmrcm.learning.compute import Compute
from flmrcm.learning.module import ReconModule
from flmrcm.mri.fourier import fft2c
from flmrcm.mri.masks import Random
from flmrcm.strategies.base import Strategy
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.types import Reply, ServerState, Weights

SIZE = 16
EASY = Random((1.5,), (0.5,))
"""A mask that leaves images as they are, nearly."""


def draw_field(*seed: int) -> np.ndarray:
    """Return a smooth random field, (size, size), of mean 0 and standard deviation 1."""
    noise = np.random.default_rng(seed).standard_normal((SIZE, SIZE))
    smooth = gaussian_filter(noise, 1.2)
    return (smooth - smooth.mean()) / smooth.std()


def write_alike(
    root: Path,
    seed: int,
    splits: Mapping[str, int],
    likeness: float = 1.0,
    coarse: float = 0.0,
    mask: Random = EASY,
) -> Site:
    """Write volumes of one slice: an anatomy that all share, and what only the patient has.

    Args:
        root: of the site, which is named like it.
        seed: of its patients.
        splits: volumes of each.
        likeness: weight of the shared anatomy; that of the patient's own is 1.
        coarse: width of a blur, pixels, that this site's images have.
        mask: of the site.
    """
    for place, (split, count) in enumerate(splits.items()):
        for i in range(count):
            image = likeness * draw_field(0) + draw_field(1, seed, place, i)
            image = (image - image.min() + 0.5).astype(np.float32)[None]
            image = gaussian_filter(image, (0, coarse, coarse)) if coarse else image
            kspace = fft2c(torch.from_numpy(image).to(torch.complex64)).numpy()
            write_volume(
                root / "T1" / split / f"{split}_{i}.h5", kspace, image, {"site": root.name}
            )
    return make_site(root, mask, batch_size=8)


@dataclass
class PlainMessages:
    """Messages of federated averaging; a site may be made to train on another's slices."""

    run: AttackedRun | None = None
    instead: Mapping[str, Site] = field(default_factory=dict)
    works: Mapping[str, Workload] = field(default_factory=dict)
    n_examples: Mapping[str, int] = field(default_factory=dict)

    def send(self, op, round_: int, sites: Mapping[str, Site], work: Workload | None = None):
        return {
            name: Reply(name, self.n_examples.get(name, 1), self.train(name, site, round_, work))
            for name, site in sites.items()
        }

    def divide(self) -> dict[str, Workload]:
        return dict.fromkeys(self.run.sites, Workload(self.run.local.epochs)) | self.works

    def train(self, name: str, site: Site, round_: int, work: Workload | None) -> Weights:
        run, site = self.run, self.instead.get(name, site)
        assert run
        work = work or self.divide()[name]
        run.train(run.weights, run.read_training(site, work, round_))
        return {k: v.detach().clone() for k, v in run.module.model.state_dict().items()}


def attack_on(
    sites: Sequence[Site],
    strategy: Strategy | None = None,
    module: ReconModule | None = None,
    messages: Any = None,
    **changes: Any,
) -> AttackedRun:
    """Return a run of sites that trained nothing yet; the first is attacked."""
    module = module or ReconModule(make_unet(8, 1), partial(torch.optim.SGD, lr=0.01))
    weights = {k: v.clone() for k, v in module.model.state_dict().items()}
    messages = messages or PlainMessages()
    run = AttackedRun(
        module, strategy or FedAvg(), LocalTraining(module.make_optimizer, epochs=1),
        Compute("cpu").build_fabric(), {site.name: site for site in sites},
        [site.name for site in sites], sites[0].name, ServerState(weights), weights,
        0, 1, 1, messages,
    )  # fmt: skip
    run = replace(run, **changes)
    messages.run = run
    return run


def ignore_steps(part: str, done: int, total: int) -> None:
    """Shows nothing."""
