"""What `logger=…` builds, and that the page about it says how to write one's own."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from flmrcm.config.check import check_config
from flmrcm.config.compose import compose_config, expand_words
from flmrcm.config.setup import Setup
from flmrcm.errors import ConfigErrors
from flmrcm.federation.journal import Panel
from flmrcm.runs.trackers import build_trackers
from flmrcm.tracking.window import Window
from flmrcm.types import Measurement

PAGE = (Path(__file__).parents[2] / "docs/loggers.md").read_text()
CSV = "+logger.table._target_=pytorch_lightning.loggers.CSVLogger"


@pytest.fixture
def check() -> Callable[..., Setup]:
    return lambda *words: check_config(
        compose_config("train", expand_words(["debug=tiny", "compute=cpu", *words]))
    )


def show(trackers, folder: Path) -> None:
    """Show a round of all conventions, a test and a panel."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        Measurement(0, "val", site, "psnr", convention, value)
        for site, value in (("sim_b", 30.0), ("sim_h", 20.0))
        for convention in ("fastmri", "slice_max")
    ]
    for tracker in trackers:
        tracker.start([])
        tracker.log(rows)
        tracker.close(rows, {"sim_b": Panel(folder / "b.png", "sim_b/x, slice 2 of 3")})


def keys(trackers) -> list[str]:
    return [tracker.key for tracker in trackers]


def test_each_choice_builds_what_it_names_and_none_can_end_a_run(check, tmp_path):
    for words, names in (
        ([], ["logger.tensorboard", "logger.wandb"]),
        (["logger=csv"], []),
        (["logger=tensorboard", CSV], ["logger.tensorboard", "logger.table"]),
        (["~logger.wandb"], ["logger.tensorboard"]),
    ):
        trackers = build_trackers(check(*words), tmp_path)
        assert keys(trackers) == names
        assert all(isinstance(tracker, Window) for tracker in trackers)
    assert list(tmp_path.iterdir()) == [], "nothing is written before a run starts"


def test_mlflow_is_a_word_away(check, tmp_path, monkeypatch):
    pytest.importorskip("mlflow")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    show(build_trackers(check("logger=mlflow", "name=demo"), tmp_path / "run"), tmp_path / "run")
    (name,) = Path("outputs/mlruns").glob("*/*/tags/mlflow.runName")
    assert name.read_text() == "FL-MRCM · sim_h · 4x · seed 1"
    assert len(list(Path("outputs/mlruns").glob("*/*/params/strategy/name"))) == 1
    assert len(list(Path("outputs/mlruns").glob("*/*/metrics/val/psnr_mean"))) == 1


def test_few_are_shown_unless_all_are_asked_for(check, tmp_path):
    for words, more in (([], False), (["logger.scalars=all"], True)):
        folder = tmp_path / str(more)
        show(build_trackers(check("logger=csv", CSV, *words), folder), folder)
        seen = pd.read_csv(folder / "loggers/table/metrics.csv")
        assert seen["val/psnr_worst"][0] == 20
        assert ("val/psnr_slice_max/sim_b" in seen) is more


def test_a_run_from_before_the_key_shows_few(check, tmp_path):
    setup = check("logger=csv", CSV)
    del setup.config["logger"]["scalars"]
    show(build_trackers(setup, tmp_path), tmp_path)
    assert "val/psnr_mean" in pd.read_csv(tmp_path / "loggers/table/metrics.csv")


def test_a_run_that_no_target_changes_says_so(check, tmp_path):
    for strategy, name in (("fl_mr", "FL-MR · any target"), ("fl_mrcm", "FL-MRCM · sim_h")):
        (tracker,) = build_trackers(check("logger=tensorboard", f"strategy={strategy}"), tmp_path)
        assert tracker.tracker.name.startswith(re.sub(r"[^\w-]+", "_", name))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["logger.scalars=al"], "logger.scalars=al: .*'all'"),
        ([CSV, "+logger.table.prefixx=a"], r"logger\.table\.prefixx: there is no such key.*prefix"),
        ([f"{CSV}s"], r"logger\.table\._target_=.*CSVLoggers"),
        (["+logger.x._target_=types.SimpleNamespace"], r"logger\.x: .* is no Tracker"),
    ],
)
def test_what_cannot_log_is_refused_with_its_key(check, tmp_path, words, said):
    with pytest.raises(ConfigErrors, match=said):
        build_trackers(check("logger=csv", *words), tmp_path)


def test_the_pages_own_logger_works_as_it_stands(check, tmp_path, packages):
    (code,) = re.findall(r"`mymri/lines\.py`:\n\n```python\n(.*?)```", PAGE, re.DOTALL)
    (yaml,) = re.findall(r"`mymri/conf/logger/lines\.yaml`:\n\n```yaml\n(.*?)```", PAGE, re.DOTALL)
    packages.install({"lines.py": code, "conf/logger/lines.yaml": yaml})
    (line,) = re.findall(r"^flmrcm train (logger=lines .*)$", PAGE, re.MULTILINE)
    folder = tmp_path / "run"
    show(build_trackers(check(*line.split()), folder), folder)
    first, summary = map(json.loads, (folder / "mine.jsonl").read_text().splitlines())
    assert (first["round"], first["val/psnr_mean"]) == (0, 25)
    assert first["run"].startswith("FL-MRCM · sim_h")
    assert summary["sim_b"] == "sim_b/x, slice 2 of 3"
