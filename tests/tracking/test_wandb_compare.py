"""A comparison in wandb: a run of its own whose tables and figures can be read back."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from kits.wandb_offline import read_offline_run

from flmrcm.errors import ConfigErrors
from flmrcm.federation.journal import Panel
from flmrcm.tracking.run_info import RunInfo
from flmrcm.tracking.wandb import check_mode, log_comparison

MATRIX = pd.DataFrame({"method": ["FL-MR", "FL-MRCM"], "sim_b": [28.5, float("nan")]})


@pytest.fixture
def info(tmp_path: Path) -> RunInfo:
    config = {"convention": "fastmri", "folders": ["outputs/demo"]}
    tags = ["psnr", "fastmri"]
    return RunInfo(tmp_path / "compare", "compare demo", "demo", "compare", tags, config)


@pytest.fixture
def log(info: RunInfo, panels: dict[str, Panel]) -> Callable[[], None]:
    return lambda: log_comparison(info, {"matrix": MATRIX}, {"boxes": panels["brats"].path})


def test_a_comparison_is_read_back_as_a_run_of_its_own(info, log) -> None:
    log()
    seen = read_offline_run(info.folder)
    assert (seen.job_type, seen.group, seen.tags) == ("compare", "demo", ["psnr", "fastmri"])
    assert (seen.name, seen.config) == ("compare demo", info.config)
    assert seen.summary["figures/boxes"]["_type"] == "image-file"
    pd.testing.assert_frame_equal(seen.read_table("tables/matrix"), MATRIX)


def test_comparing_again_keeps_the_older_comparison(info, log) -> None:
    log()
    log()
    assert len(list(info.folder.rglob("run-*.wandb"))) == 2


def test_nothing_is_printed_and_nothing_lies_elsewhere(
    log, capfd: pytest.CaptureFixture[str], home: Path
) -> None:
    log()
    assert capfd.readouterr() == ("", "")
    assert [path for path in home.rglob("*") if "artifacts" in path.parts] == []


def test_online_without_a_login_says_how_to_go_on() -> None:
    with pytest.raises(ConfigErrors, match=r"wandb login.*--wandb=offline"):
        check_mode("online")


def test_an_unknown_mode_names_the_nearest() -> None:
    with pytest.raises(ConfigErrors, match=r"--wandb=ofline.*'offline'"):
        check_mode("ofline")
