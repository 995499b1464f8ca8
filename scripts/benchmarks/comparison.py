"""(i) what `flmrcm compare` takes on many runs, tables, statistics, figures and page included.

`python -m benchmarks.comparison FOLDER` compares runs in this process and prints its peak memory.
"""

import json
import sys
import time
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from typing import Any

import h5py
import numpy as np
import yaml

from benchmarks.fresh import in_fresh_process, peak_mib
from benchmarks.results import Result
from flmrcm.app import main as flmrcm
from flmrcm.config.build import to_plain
from flmrcm.config.compose import compose_config
from flmrcm.federation.journal import Journal
from flmrcm.learning.metrics import CONVENTIONS, METRICS, ZERO_FILLED, VolumeScore
from flmrcm.learning.records import ScoreTable
from flmrcm.types import Measurement

SITES = ("sim_b", "sim_f", "sim_h", "sim_i")
AT_MOST_SECONDS, AT_MOST_MIB = 60, 2048
_LATENT = 2048


@dataclass(frozen=True)
class Outputs:
    """How many runs there are, and how large.

    Attributes:
        methods: told apart by name.
        seeds: of each method.
        volumes: of all sites together.
        rounds: in the journal.
        slices: of each saved volume, one per run and site.
        image: height and width of saved volumes, pixels.
    """

    methods: int = 10
    seeds: int = 10
    volumes: int = 200
    rounds: int = 50
    slices: int = 4
    image: int = 64

    @property
    def runs(self) -> int:
        """Of all methods and seeds."""
        return self.methods * self.seeds


FULL, TINY = Outputs(), Outputs(2, 2, 8, 2, 2, 16)


@dataclass(frozen=True)
class Taken:
    """What a comparison took.

    Attributes:
        seconds: from the start of the process to its end.
        processor: seconds of processor time; far fewer than `seconds` where others work, too.
        peak: resident memory at its highest, MiB.
    """

    seconds: float
    processor: float
    peak: float


def comparing(folder: Path, quick: bool) -> list[Result]:
    """(i) Seconds and peak memory of `flmrcm compare` on 100 runs × 200 volumes."""
    outputs = TINY if quick else FULL
    write_outputs(folder, outputs)
    taken = compared_in_fresh_process(folder)
    size = f"{outputs.runs} runs × {outputs.volumes} volumes"
    note = f"{outputs.methods} methods × {outputs.seeds} seeds; processor {taken.processor:.0f} s"
    raw = {"seconds": [taken.seconds], "processor": [taken.processor]}
    return [
        Result("i", f"compare {size}", taken.seconds, "s", AT_MOST_SECONDS, note=note, raw=raw),
        Result("i", "its peak memory", taken.peak, "MiB", AT_MOST_MIB, raw={"MiB": [taken.peak]}),
    ]


def compared_in_fresh_process(folder: Path) -> Taken:
    """Runs the command where nothing ran before, so that the peak is its own."""
    start, before = time.perf_counter(), getrusage(RUSAGE_CHILDREN).ru_utime
    peak = in_fresh_process("benchmarks.comparison", str(folder))
    seconds = time.perf_counter() - start
    processor = getrusage(RUSAGE_CHILDREN).ru_utime - before
    return Taken(seconds, processor, peak)


def write_outputs(folder: Path, outputs: Outputs) -> None:
    """Writes finished runs with made-up numbers, as training leaves them."""
    config: dict[str, Any] = to_plain(compose_config("train", [f"rounds={outputs.rounds}"]))
    prints = {site: f"{site}-print" for site in SITES}
    for method, seed in product(range(outputs.methods), range(outputs.seeds)):
        rng, run = np.random.default_rng((method, seed)), folder / f"{method:02}_{seed:02}"
        run.mkdir(parents=True)
        name = f"method {method}" if method else "FL-MR"
        own = {"method": name, "seed": seed, "participants": list(SITES)}
        (run / "config.yaml").write_text(yaml.safe_dump({**config, **own}))
        (run / "environment.json").write_text(json.dumps({"site_fingerprints": prints}))
        _write_journal(run, outputs.rounds, rng)
        _write_scores(run, name, outputs.volumes, rng)
        _write_reconstructions(run, outputs, rng)
        (run / "done").touch()


def _write_journal(run: Path, rounds: int, rng: np.random.Generator) -> None:
    trained = (("steps", 12.0), ("loss", 0.2), ("discriminator_accuracy", 0.6))
    rows = [
        row
        for round_, site in product(range(rounds), SITES)
        for row in (
            *(Measurement(round_, "train", site, metric, "", value) for metric, value in trained),
            *(Measurement(round_, "wire", site, f"bytes_{way}/weights", "", 31e6)
              for way in ("sent", "received")),
            *(Measurement(round_, "val", site, metric, convention, float(rng.uniform(0.1, 0.9)))
              for metric, convention in product(METRICS, CONVENTIONS)),
        )
    ]  # fmt: skip
    Journal(run / "journal.csv").write(rows)


def _write_scores(run: Path, method: str, volumes: int, rng: np.random.Generator) -> None:
    table, kinds = ScoreTable(run / "scores.csv"), list(product(METRICS, CONVENTIONS))
    for site, name in product(SITES, (method, ZERO_FILLED)):
        for volume in range(volumes // len(SITES)):
            values = rng.uniform(0.1, 0.9, len(kinds))
            table.add(name, site, (
                VolumeScore(f"{site}/{volume:03}", metric, convention, float(value), 8)
                for (metric, convention), value in zip(kinds, values, strict=True)
            ))  # fmt: skip


def _write_reconstructions(run: Path, outputs: Outputs, rng: np.random.Generator) -> None:
    shape = (outputs.slices, outputs.image, outputs.image)
    for number, site in enumerate(SITES):
        path = run / "reconstructions" / site / "000.h5"
        path.parent.mkdir(parents=True)
        # all methods must show the same target
        target = np.random.default_rng(number).random(shape, np.float32)
        with h5py.File(path, "w") as file:
            file["target"] = target
            for kind in ("input", "reconstruction"):
                file[kind] = target + 0.1 * rng.standard_normal(shape, np.float32)
            file["latent"] = number + rng.standard_normal((outputs.slices, _LATENT), np.float32)


if __name__ == "__main__":
    flmrcm(["compare", sys.argv[1]])
    print(peak_mib())
