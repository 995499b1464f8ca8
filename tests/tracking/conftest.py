"""A short run that trackers are shown: three rounds, two training sites and a target."""

from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

from flmrcm.federation.journal import Panel
from flmrcm.tracking.run_info import RunInfo
from flmrcm.types import Measurement


def rows_of_round(number: int) -> list[Measurement]:
    rows: list[Measurement] = []
    for site in ("brats", "ixi"):
        rows.append(Measurement(number, "train", site, "loss", "", 0.5 / (number + 1)))
        rows.append(Measurement(number, "wire", site, "bytes_sent/weights", "", 1024.0))
    for site, offset in (("brats", 0.0), ("hpks", 50.0), ("ixi", 2.0)):
        psnr = 30 + offset - abs(number - 1)  # best in the middle
        rows.append(Measurement(number, "val", site, "psnr", "fastmri", psnr))
        rows.append(Measurement(number, "val", site, "psnr", "slice_max", psnr - 5))
        rows.append(Measurement(number, "val", site, "nmse", "fastmri", 1 / psnr))
        rows.append(Measurement(number, "val", site, "ssim", "fastmri", psnr / 100))
    return rows


def final_test(number: int) -> list[Measurement]:
    return [
        Measurement(number, "test", site, "psnr", "fastmri", value)
        for site, value in (("brats", 28.0), ("ixi", 30.0))
    ]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home in which nobody is logged in to wandb."""
    for name in ("WANDB_API_KEY", "WANDB_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    home = tmp_path / "home"
    for name in ("HOME", "NETRC", "WANDB_CONFIG_DIR", "WANDB_CACHE_DIR", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(home / name.lower()))
    return home


@pytest.fixture(autouse=True)
def _nobody_is_logged_in(home: Path) -> None:
    pass


@pytest.fixture
def rounds() -> list[list[Measurement]]:
    return [rows_of_round(number) for number in range(3)]


@pytest.fixture
def history(rounds) -> list[Measurement]:
    return [row for rows in rounds for row in rows]


@pytest.fixture
def tested() -> list[Measurement]:
    return final_test(2)


@pytest.fixture
def run(tmp_path: Path) -> RunInfo:
    return RunInfo(
        folder=tmp_path / "2026-01-02_03-04-05_ab12",
        name="FL-MRCM · hpks · 4x · seed 1",
        group="demo",
        job_type="train",
        tags=["fl_mrcm", "target=hpks", "acceleration=4"],
        config={"strategy": {"name": "fl_mrcm"}, "rounds": 3, "target": None},
        traits={"strategy": "fl_mrcm", "target": "hpks", "acceleration": 4.0, "seed": 1},
    )


@pytest.fixture
def panels(tmp_path: Path) -> dict[str, Panel]:
    path = tmp_path / "brats.png"
    matplotlib.image.imsave(path, np.linspace(0, 1, 64).reshape(8, 8), cmap="gray")
    return {"brats": Panel(path, "brats/b, slice 4 of 6")}
