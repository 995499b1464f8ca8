"""(i) what `flmrcm compare` takes on many runs, tables, statistics, figures and page included."""

import json
import time
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from itertools import product
from pathlib import Path

import h5py
import numpy as np
import yaml

from flmrcm.app import main as flmrcm
from flmrcm.config.build import to_plain
from flmrcm.config.compose import compose_config
from flmrcm.federation.journal import Journal
from flmrcm.learning.metrics import CONVENTIONS, METRICS, ZERO_FILLED, VolumeScore
from flmrcm.learning.records import GLOBAL, NO_WEIGHTS, ScoreTable
from flmrcm.types import Measurement
from measured.measurement import ONE_THREAD, Figure, read_peak_memory, run_alone, time_once

SITES = ("sim_b", "sim_f", "sim_h", "sim_i")
SCORED, LATENT_SIZE = list(product(METRICS, CONVENTIONS)), 2048


def measure_compare(folder: Path, quick: bool) -> list[Figure]:
    """Return the seconds and peak memory of `flmrcm compare` on 100 runs × 200 volumes."""
    methods, volumes, rounds = (2, 8, 2) if quick else (10, 200, 50)
    write_outputs(folder, methods, volumes, rounds)
    with ONE_THREAD:
        (processor, peak), seconds = time_once(lambda: run_alone(run_compare, folder))
    name = f"compare {methods**2} runs × {volumes} volumes"
    return [
        Figure(name, seconds, "s", "≤ 60", f"{processor:.0f} s of processor time"),
        Figure("its peak memory", peak, "MiB", "≤ 2048"),
    ]


def run_compare(folder: Path) -> tuple[float, float]:
    """Return the processor time, s, and the peak memory, MiB, of comparing in this process."""
    with redirect_stdout(StringIO()):
        flmrcm(["compare", str(folder)])
    return time.process_time(), read_peak_memory()


def write_outputs(folder: Path, methods: int, volumes: int, rounds: int) -> None:
    """Write finished runs, as many seeds as methods, with made-up numbers."""
    config = to_plain(compose_config("train", [f"rounds={rounds}"]))
    prints = json.dumps({"site_fingerprints": {site: f"{site}-print" for site in SITES}})
    for method, seed in product(range(methods), repeat=2):
        rng, run = np.random.default_rng((method, seed)), folder / f"{method:02}_{seed:02}"
        run.mkdir(parents=True)
        name = f"method {method}" if method else "FL-MR"
        own = {"method": name, "seed": seed, "participants": list(SITES)}
        (run / "config.yaml").write_text(yaml.safe_dump({**config, **own}))
        (run / "environment.json").write_text(prints)
        Journal(run / "journal.csv").write(_make_rows(rounds, rng))
        table, per_site = ScoreTable(run / "scores.csv"), volumes // len(SITES)
        for site, who, volume in product(SITES, (name, ZERO_FILLED), range(per_site)):
            scores = (
                VolumeScore(f"{site}/{volume:03}", *kind, rng.uniform(0.1, 0.9), 8)
                for kind in SCORED
            )
            table.add(who, site, scores, NO_WEIGHTS if who == ZERO_FILLED else GLOBAL)
        for number, site in enumerate(SITES):
            _write_reconstruction(run / "reconstructions" / site / "000.h5", number, rng)
        (run / "done").touch()


def _make_rows(rounds: int, rng: np.random.Generator) -> Iterator[Measurement]:
    trained = {"steps": 12.0, "loss": 0.2, "discriminator_accuracy": 0.6}
    moved = {"bytes_sent/weights": 31e6, "bytes_received/weights": 31e6}
    for round_, site in product(range(rounds), SITES):
        for split, values in {"train": trained, "wire": moved}.items():
            yield from (Measurement(round_, split, site, name, "", x) for name, x in values.items())
        yield from (
            Measurement(round_, "val", site, *kind, rng.uniform(0.1, 0.9)) for kind in SCORED
        )


def _write_reconstruction(path: Path, number: int, rng: np.random.Generator) -> None:
    shape = (4, 64, 64)  # slices, height, width
    path.parent.mkdir(parents=True)
    # all methods must show the same target
    target = np.random.default_rng(number).random(shape, np.float32)
    with h5py.File(path, "w") as file:
        file["target"] = target
        file["input"] = target + 0.1 * rng.standard_normal(shape, np.float32)
        file["reconstruction"] = target + 0.1 * rng.standard_normal(shape, np.float32)
        file["latent"] = number + rng.standard_normal((shape[0], LATENT_SIZE), np.float32)
