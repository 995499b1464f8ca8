"""(score) How long ours trains until it scores as the published arithmetic does at its end."""

import csv
import time
from contextlib import chdir
from itertools import accumulate
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple
from unittest.mock import patch

import torch

from flmrcm.app import main
from flmrcm.federation.client import Client
from flmrcm.learning.compute import Compute
from flmrcm.learning.precision import FLOAT32, TENSOR_FLOAT32, has_tensor_float32
from flmrcm.types import Broadcast, Reply
from measured.measurement import Figure
from measured.rounds import publish_arithmetic

WORDS = (
    "sites=simulated", "data.simulated.size=256", "data.simulated.slices=8",
    "data.simulated.subjects={train: 8, val: 2, test: 1}", "data.cache=ram", "rounds=20",
    "validate_every=1", "local.epochs=2", "local.batch_size=16", "logger=csv", "compute=auto",
    "test.saved_volumes=0",
)  # fmt: skip
TINY = ("data.simulated.size=32", "data.simulated.slices=2", "size=tiny", "rounds=2")
WITHIN, LEAST = 0.1, "≤ 0.333"  # dB below the published end; of its seconds


class Curve(NamedTuple):
    """Seconds of surveys and training until the end of each round, and the PSNR there, dB.

    They are counted from the end of the first round, which chooses kernels and compiles them.
    """

    seconds: list[float]
    scores: list[float]

    def find_time(self, score: float) -> float:
        """Return the seconds until the first round that scores so; infinite where none does."""
        found = (s for s, reached in zip(*self, strict=True) if reached >= score)
        return next(found, float("inf"))


def measure_time_to_score(folder: Path, quick: bool) -> list[Figure]:
    """Return ours' seconds until the published arithmetic's last PSNR / its seconds until there."""
    compute, words = Compute(), [*WORDS, *(TINY if quick else ())]
    fast = ["compute.precision=auto", f"compute.compile={str(compute.on_gpu).lower()}"]
    # what PyTorch does by itself, so what the published code gets
    usual = TENSOR_FLOAT32 if has_tensor_float32(compute.on_gpu, compute.device) else FLOAT32
    draw_curve(folder, [*words, "rounds=1"], "warms_up")
    with publish_arithmetic():
        published = draw_curve(folder, [*words, f"compute.precision={usual}"], "published")
    figures: list[Figure] = []
    goal = published.scores[-1] - WITHIN
    for alignment in ("images", "latents"):
        typed = [*words, *fast, f"strategy.alignment={alignment}"]
        curve = draw_curve(folder, typed, alignment)
        share = curve.find_time(goal) / published.seconds[-1]
        ends = f"{curve.scores[-1]:.2f} dB after {curve.seconds[-1]:.1f} s"
        note = f"published ({usual}) {published.scores[-1]:.2f} dB after "
        note += f"{published.seconds[-1]:.1f} s; ours ends at {ends}"
        raw = {"published": published.scores, "ours": curve.scores}
        raw |= {"published seconds": published.seconds, "our seconds": curve.seconds}
        name = f"FL-MRCM ({alignment}) to the published PSNR / published"
        figures.append(Figure(name, share, "×", LEAST, note, raw))
    return figures


def draw_curve(folder: Path, words: list[str], name: str) -> Curve:
    """Return what a run of FL-MRCM took and reached, round by round."""
    seconds, call = dict[int, float](), Client.call

    def timed(site: Client, op: Any, message: Broadcast, *given: Any) -> Reply:
        start = time.perf_counter()
        reply = call(site, op, message, *given)
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        if op in ("survey", "train"):
            took = time.perf_counter() - start
            seconds[message.round] = seconds.get(message.round, 0.0) + took
        return reply

    with patch.object(Client, "call", timed), chdir(folder):
        main(["train", *words, "strategy=fl_mrcm", f"name={name}"])
    (journal,) = folder.glob(f"outputs/{name}/*/journal.csv")
    later = [seconds[number] for number in sorted(seconds)[1:]]
    return Curve(list(accumulate(later, initial=0.0)), read_scores(journal))


def read_scores(journal: Path) -> list[float]:
    """Return the mean PSNR of the sites' validation volumes after each round, dB, `fastmri`."""
    with journal.open() as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "val"]
    chosen = [
        r for r in rows if (r["metric"], r["convention"]) == ("psnr", "fastmri") and r["site"]
    ]
    rounds = sorted({int(row["round"]) for row in chosen})
    return [mean(float(r["value"]) for r in chosen if int(r["round"]) == n) for n in rounds]
