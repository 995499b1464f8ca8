"""(whole) Where the seconds of a whole `flmrcm train` go: start, training, validation, the end."""

import csv
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from unittest.mock import patch

from measured.measurement import Figure

WORDS = (
    "sites=simulated", "data.simulated.size=128", "data.simulated.slices=8",
    "data.simulated.subjects={train: 4, val: 1, test: 1}", "rounds=2", "keep_every=1",
    "compute=cpu", "compute.precision=32-true", "logger=csv",
)  # fmt: skip
TINY = ("data.simulated.size=32", "data.simulated.slices=2", "size=tiny")
STRATEGIES = ("fl_mr", "fl_mrcm", "fl_mrcm_latent")


def measure_whole_commands(folder: Path, quick: bool) -> list[Figure]:
    """Return the seconds of whole commands: four sites of 32 slices of 128², two rounds."""
    words = [*WORDS, *(TINY if quick else ())]
    figures: list[Figure] = []
    with patch.dict("os.environ", FLMRCM_CACHE=str(folder / "cache")):
        take_time(folder, [*words, "rounds=1", "size=tiny", "name=makes_data"])
        for strategy in STRATEGIES[: 1 if quick else None]:
            parts = take_time(folder, [*words, f"strategy={strategy}", f"name={strategy}"])
            note = ", ".join(f"{part} {seconds:.1f}" for part, seconds in parts.items())
            raw = {part: [seconds] for part, seconds in parts.items()}
            name = f"flmrcm train strategy={strategy}"
            figures.append(Figure(name, sum(parts.values()), "s", note=note, raw=raw))
    return figures


def take_time(folder: Path, words: Sequence[str]) -> dict[str, float]:
    """Return the seconds of a command's parts; the last word is its name.

    Raises:
        CalledProcessError: it failed.
    """
    start, command = time.time(), [sys.executable, "-m", "flmrcm", "train", *words]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)  # noqa: S603
    end = time.time()
    (run,) = (folder / "outputs" / words[-1].removeprefix("name=")).iterdir()
    begun = (run / "metrics.json").stat().st_mtime  # written right before the first round
    last = max(path.stat().st_mtime for path in run.glob("checkpoints/round_*.pt"))
    training = sum_training(run / "journal.csv")
    return {
        "start": begun - start,
        "training": training,
        "validation, messages, files": last - begun - training,
        "test, pictures, end": end - last,
    }


def sum_training(journal: Path) -> float:
    """Return the seconds that sites trained, one after another."""
    with journal.open() as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "train"]
    return sum(float(row["value"]) for row in rows if row["metric"] == "seconds")
