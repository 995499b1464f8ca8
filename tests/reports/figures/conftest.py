"""Runs written by hand: what they'd have measured is chosen, so that figures can be checked."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import yaml
from matplotlib.figure import Figure

from flmrcm.federation.journal import Journal
from flmrcm.learning.metrics import CONVENTIONS, VolumeScore
from flmrcm.learning.records import ScoreTable
from flmrcm.reports.collected.comparison import Comparison, compare_runs
from flmrcm.reports.collected.finished_runs import collect_runs
from flmrcm.reports.metric_info import BUILT_IN
from flmrcm.types import Measurement


@dataclass(frozen=True)
class FakeRun:
    """A run to write.

    Attributes:
        method: its name.
        psnr: of its worst volume; the next ones have 1 dB more each. NMSE and SSIM follow.
        saved: how many volumes are saved per site.
        aligned_with: the target, for methods that align.
        pixels: what is added to each pixel and latent of its reconstructions.
        same_latents: draw all sites' latents from one distribution.
        metrics: of its scores and of its validation.
        traffic: bytes per site and round, by journal metric.
    """

    method: str = "FL-MR"
    seed: int = 1
    psnr: float = 30.0
    sites: Sequence[str] = ("east", "west")
    volumes: int = 3
    rounds: int = 2
    saved: int = 0
    slices: int = 3
    size: int = 8
    rate: float = 4
    aligned_with: str | None = None
    pixels: float = 0.0
    same_latents: bool = False
    metrics: Sequence[str] = tuple(BUILT_IN)
    traffic: Mapping[str, float] | None = None
    settings: Mapping[str, Any] | None = None


def write_run(folder: Path, run: FakeRun) -> None:
    """Write all files of a finished run."""
    folder.mkdir(parents=True)
    config = {
        "strategy": {"name": run.method}, "seed": run.seed, "target": run.aligned_with,
        "participants": list(run.sites), "mask": {"accelerations": [run.rate]},
    }  # fmt: skip
    (folder / "config.yaml").write_text(yaml.safe_dump(config | dict(run.settings or {})))
    (folder / "environment.json").write_text(json.dumps({"aligned_with": run.aligned_with}))
    table = ScoreTable(folder / "scores.csv")
    for site in run.sites:
        table.add("zero-filled", site, _scores(run, site, 20.0), "none")
        table.add(run.method, site, _scores(run, site, run.psnr), "global")
        for number in range(run.saved):
            write_volume(folder / "reconstructions" / site / f"v{number}.h5", run, site, number)
    Journal(folder / "journal.csv").write(_rows(run))
    (folder / "done").touch()


def write_volume(path: Path, run: FakeRun, site: str, number: int) -> None:
    """Write a saved volume; its slices differ, and so do methods, and the latents of sites."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([number, len(site), run.seed])
    target = np.linspace(0.1, 1, run.slices * run.size**2).reshape(-1, run.size, run.size) + number
    center = 0 if run.same_latents else run.sites.index(site)
    arrays = {
        "target": target, "input": 0.5 * target,
        "reconstruction": target - 0.01 * len(run.method) + run.pixels,
        "latent": rng.normal(center, 1, (run.slices, 16)) + run.pixels,
    }  # fmt: skip
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = array.astype(np.float32)


def _scores(run: FakeRun, site: str, psnr: float) -> list[VolumeScore]:
    values = {"psnr": psnr, "ssim": psnr / 50, "nmse": 1 / psnr}
    return [
        VolumeScore(
            f"{site}/v{n}",
            metric,
            convention,
            values.get(metric, 1 / psnr) + (metric == "psnr") * n,
            3,
        )
        for n in range(run.volumes)
        for metric in run.metrics
        for convention in CONVENTIONS
    ]


def _rows(run: FakeRun) -> list[Measurement]:
    rows: list[Measurement] = []
    for round_ in range(run.rounds):
        for site in run.sites:
            rows.append(Measurement(round_, "train", site, "loss", "", 1 / (1 + round_)))
            for metric in run.metrics:
                rows.append(Measurement(round_, "val", site, metric, "fastmri", run.psnr + round_))
                rows.append(Measurement(round_, "val", site, metric, "published", 0.0))
            if run.aligned_with not in (None, site):
                name = "discriminator_accuracy"
                rows.append(Measurement(round_, "train", site, name, "", 0.5 + 0.1 * run.seed))
            for metric, value in (run.traffic or {"bytes_sent/weights": 100.0}).items():
                split = "train" if metric.startswith("bytes_seen") else "wire"
                rows.append(Measurement(round_, split, site, metric, "", value))
    return rows


@pytest.fixture
def runs(tmp_path: Path) -> Callable[..., Comparison]:
    """Write runs, each a dict of `FakeRun`'s attributes, and gives their comparison."""

    def written(*fakes: dict[str, Any]) -> Comparison:
        for number, fake in enumerate(fakes):
            write_run(tmp_path / "outputs" / f"run_{number}", FakeRun(**fake))
        return compare_runs(collect_runs([tmp_path / "outputs"]))

    return written


@pytest.fixture
def plots(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures written, instead of their files: looking at them is faster than writing them."""
    kept: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda self, *_, **__: kept.append(self))
    return kept
