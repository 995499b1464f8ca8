"""A tiny benchmark: its protocol, and made-up results of it."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from flmrcm.config.benchmark import Cell, Protocol, read_protocol
from flmrcm.reports.leaderboard.result_file import PLACES, About, Result, RunRecord
from flmrcm.runs.benchmark.data import list_tested

TINY = Path(__file__).parents[1] / "data_files" / "benchmark" / "tiny.yaml"
MACHINE = "Some CPU, torch 2"


def read_tiny(**changes: Any) -> Protocol:
    return read_protocol(str(TINY)).model_copy(update=changes)


def make_result(
    protocol: Protocol, method: str = "fl_mr", gain: float = 0.0, model: str = "unet", **of_run: Any
) -> Result:
    """Give every run scores that differ by volume, site and seed, and by `gain` dB."""
    about = About(
        benchmark=protocol.name, protocol=protocol.digest, method=method, model=model,
        name={"fl_mr": "FL-MR"}.get(method, method), version="1",
        strategy={"_target_": "flmrcm.strategies.fedavg.FedAvg", "name": "FL-MR"},
    )  # fmt: skip
    record = {"config": "ab12", "steps": 100, "bytes": 10_000_000, "seconds": 5.0}
    result = Result(about)
    for cell in protocol.list_cells():
        made = RunRecord(**{**record, "machine": MACHINE, "data": "equal", **of_run})
        result = result.add(cell, made, make_scores(protocol, cell, gain))
    return result


def make_scores(protocol: Protocol, cell: Cell, gain: float) -> pd.DataFrame:
    tested = sorted(list_tested(protocol)[cell.setting])
    if protocol.tasks[cell.task].judged == "target":
        tested = [place for place in tested if place.startswith(f"{cell.target}/")]
    draw = np.random.default_rng([cell.seed, *str(gain).encode()])
    noise = draw.normal(0, 1e-3, len(tested))
    rows = [
        (*cell, *place.split("/"), 20.0 + number / 10, 25 + number / 8 + gain + noise[number], 0.8)
        for number, place in enumerate(tested)
    ]
    return pd.DataFrame(rows, columns=[*PLACES, "zero_filled_psnr", "psnr", "ssim"])
