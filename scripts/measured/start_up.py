"""(p) What the commands take before there is anything to do: processor time, a process each."""

import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from unittest.mock import patch

from measured.measurement import ONE_THREAD, Figure, make_median, measure_in_turn

IMPORTS = ("-c", "import pytorch_lightning, wandb")
RUNS = ("strategy=fl_mr,fl_mrcm", "seed=1,2,3", "logger=csv", "name=toys")
NOTE = "processor time"


def measure_start_up(folder: Path, quick: bool) -> list[Figure]:
    """Return the processor seconds of a first look, of a tiny run, and of comparing six of them."""
    ways = {
        "imports": IMPORTS,
        "help": ("-m", "flmrcm", "--help"),
        "train": ("-m", "flmrcm", "train", "debug=tiny"),
        "compare": ("-m", "flmrcm", "compare", "outputs/toys", "--output", "pages"),
    }
    own = {"FLMRCM_CACHE": str(folder / "cache"), "WANDB_MODE": "offline"}
    with ONE_THREAD, patch.dict("os.environ", own):
        runs = RUNS[1:] if quick else RUNS
        take_processor(folder, ("-m", "flmrcm", "train", "-m", "debug=tiny", *runs))
        works = {name: partial(take_processor, folder, words) for name, words in ways.items()}
        taken = measure_in_turn(works, 1 if quick else 4)
    return [
        make_median("flmrcm --help", taken["help"], NOTE, target="≤ 1"),
        make_median("flmrcm train debug=tiny", taken["train"], NOTE, target="≤ 6"),
        make_median("imports of pytorch-lightning and wandb alone", taken["imports"], NOTE),
        make_median("flmrcm compare of six toy runs", taken["compare"], NOTE, target="≤ 6"),
    ]


def take_processor(folder: Path, words: Sequence[str]) -> float:
    """Return the processor seconds of Python with these words, and of what it starts.

    Raises:
        CalledProcessError: it failed.
    """
    before = _read_children()
    subprocess.run([sys.executable, *words], cwd=folder, check=True, capture_output=True)  # noqa: S603
    return _read_children() - before


def _read_children() -> float:
    usage = getrusage(RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
