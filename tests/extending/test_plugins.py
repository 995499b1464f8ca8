"""What the page on plugins says, done: a source, a site, a logger, a figure, all from a wheel."""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from kits.environment import ROOT

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs/plugins.md").read_text()
COMMANDS = {
    line.split()[1]: shlex.split(line)
    for line in re.findall(r"^(flmrcm (?:prepare|train|compare) .*)$", PAGE, re.MULTILINE)
}


@pytest.fixture(scope="module")
def folder(environment, tmp_path_factory) -> Path:
    """A folder in which the page's commands were typed, one after the other."""
    folder = tmp_path_factory.mktemp("lab")
    folder.joinpath("stacks").mkdir()
    for number, subject in enumerate(("ann", "bo", "cy")):
        y, x = np.mgrid[-1:1:40j, -1:1:40j]
        heads = [np.hypot(y, x * (1 + number / 5)) < 0.5 + z / 40 for z in range(8)]
        np.save(folder / f"stacks/{subject}_T1.npy", np.array(heads) * (2 + y * x))
    for words in (COMMANDS["prepare"], [*COMMANDS["train"], "strategy=fl_mr"], COMMANDS["compare"]):
        done = environment.run(folder, *words)
        assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_nothing_but_the_choices_is_typed():
    assert set(COMMANDS) == {"prepare", "train", "compare"}
    assert not any("searchpath" in word for words in COMMANDS.values() for word in words)


def test_a_source_makes_a_site_that_trains_and_a_logger_shows_it(folder):
    assert len(list((folder / "data/lab").glob("T1/*/*.h5"))) == 3
    (lines,) = folder.glob("outputs/lab/*/rounds.jsonl")
    shown = [json.loads(line) for line in lines.read_text().splitlines()]
    assert "val/psnr/lab" in shown[0]
    assert set(pd.read_csv(lines.parent / "scores.csv")["site"]) == {"lab", "sim_b", "sim_h"}
    config = (lines.parent / "config.yaml").read_text()
    assert "searchpath: null" in config
    environment = json.loads((lines.parent / "environment.json").read_text())
    assert environment["plugins"] == {"mymri": "0.1.0"}


def test_a_figure_is_in_the_report(folder):
    assert folder.joinpath("outputs/lab/compare/worst.png").stat().st_size > 1000
    assert "Worst volume" in (folder / "outputs/lab/compare/report.html").read_text()


def test_help_and_doctor_list_the_package(environment, tmp_path):
    shown = environment.run(tmp_path, "flmrcm", "train", "--help").stdout
    assert "mymri 0.1.0" in shown
    assert {"strategy=heavy_ball", "logger=lines", "+site@sites.NAME=lab"} <= set(shown.split())
    told = environment.run(tmp_path, "flmrcm", "doctor").stdout
    assert re.search(r"^plugins +mymri 0\.1\.0$", told, re.MULTILINE)
    assert "mymri 0.1.0: its configs name" not in told
