"""What is measured on: a federation over sites of synthetic slices, built from a config."""

import shutil
from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from scipy.ndimage import gaussian_filter

from flmrcm.config.check import check_config
from flmrcm.config.compose import compose_config
from flmrcm.config.federation import build_engine, build_rounds, join_sites
from flmrcm.config.setup import Setup
from flmrcm.data.h5 import write_volume
from flmrcm.federation.rounds import Rounds
from flmrcm.middleware.ledger import Ledger
from flmrcm.mri.coils import make_birdcage_maps
from flmrcm.mri.fourier import fft2c
from flmrcm.seeding import seed_for
from flmrcm.types import Weights

SEED, TARGET = 1, "target"
WORDS = (
    f"seed={SEED}", f"target={TARGET}", "rounds=1", "keep_every=1", "local.epochs=1",
    "local.batch_size=4", "compute=cpu",
)  # fmt: skip


class Size(NamedTuple):
    """How much is measured: pixels, channels of the first level, slices, and calls that count."""

    image: int
    channels: int
    slices: int
    repeats: int


TINY = Size(32, 4, 4, 2)


class Fixture(NamedTuple):
    """A folder, what the config of a federation in it describes, and the weights it starts from."""

    folder: Path
    parts: Setup
    initial: Weights


def make_fixture(
    folder: Path, slices: Mapping[str, int], image: int, *words: str, coils: int = 1
) -> Fixture:
    """Return a federation that validates nothing.

    Args:
        folder: of its own.
        slices: for training, by site; the target is one of them.
        image: height and width, pixels.
        words: of the config, beside `WORDS`.
        coils: of each slice.
    """
    config = compose_config("train", [*WORDS, *words])
    roots = {name: folder / "sites" / name for name in slices}
    for name, split in product(slices, ("train", "val")):
        write_slices(roots[name] / "T1" / split / "volume.h5", slices[name], image, coils)
    site = {**config.sites.sim_b, "generator": None}
    config.sites = {name: {**site, "root": str(root)} for name, root in roots.items()}
    parts = check_config(config)
    parts = replace(parts, plan=replace(parts.plan, validation_sites=()))
    weights = parts.module.model.state_dict()
    return Fixture(folder, parts, {name: tensor.clone() for name, tensor in weights.items()})


def write_slices(path: Path, n: int, size: int, coils: int = 1) -> None:
    """Write a volume of n smooth complex images, size × size, drawn from the names in its path."""
    rng = np.random.default_rng(seed_for(*path.parts[-4:]))
    magnitude, phase = gaussian_filter(rng.standard_normal((2, n, size, size)), (0, 0, 3, 3)) * 10
    image = torch.from_numpy((np.abs(magnitude) * np.exp(1j * phase)).astype(np.complex64))
    seen = image if coils == 1 else image[:, None] * make_birdcage_maps(coils, size, size)
    write_volume(path, fft2c(seen).numpy(), image.abs().numpy(), {"origin": "benchmark"})


def make_federation(fixture: Fixture) -> Rounds:
    """Return the federation before its first round."""
    run = fixture.folder / "run"
    shutil.rmtree(run, ignore_errors=True)
    engine = build_engine(fixture.parts, run, lambda _: None)
    facts = join_sites(fixture.parts, engine, Ledger())
    return build_rounds(fixture.parts, engine, facts, run, ())
