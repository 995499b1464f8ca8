"""Each tutorial, typed in an empty folder as it stands, but smaller."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[1]
SMALLER = {
    "effort=minutes": "debug=tiny",
    "PYTHONPATH=.": f"PYTHONPATH=.:{ROOT}",  # a checkout that isn't the installed one
    "flmrcm compare": "flmrcm compare --no-figures",
}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # a busy machine needs long


@pytest.fixture
def type_tutorial(tmp_path, simulated_cache):
    """Write the files of a tutorial, type its commands; return the folder."""

    def type_in(name: str) -> Path:
        page = (ROOT / f"docs/tutorials/{name}.md").read_text()
        for path, text in re.findall(r"`([\w./]+)`:\n\n```\w+\n(.*?)```", page, re.DOTALL):
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text)
        lines = [b for b in re.findall(r"```bash\n(.*?)```", page, re.DOTALL) if "pocket" not in b]
        script = "set -e\n" + "".join(lines)
        for long, short in SMALLER.items():
            script = script.replace(long, short)
        variables = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT), "HOME": str(tmp_path), "FLMRCM_CACHE": str(simulated_cache),
        }  # fmt: skip
        done = subprocess.run(
            ["bash", "-c", script], cwd=tmp_path, env=variables, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return tmp_path

    return type_in


def test_own_data_become_a_federation_that_is_compared(type_tutorial):
    folder = type_tutorial("own-data")
    rows = pd.read_csv(folder / "outputs/mine/compare/matrix.csv")
    assert set(rows["method"]) == {"zero-filled", "single", "FL-MR"}
    assert {"north", "south"} <= set(rows["site"])


def test_an_own_strategy_without_its_terms_is_federated_averaging(type_tutorial):
    folder = type_tutorial("own-strategy")
    rows = pd.read_csv(folder / "outputs/law/compare/matrix.csv")
    ours, plain = (
        rows[rows["method"] == name].drop(columns="method").reset_index(drop=True)
        for name in ("Patient", "FL-MR")
    )
    assert len(ours) > 0
    pd.testing.assert_series_equal(ours["mean"], plain["mean"])


def test_an_own_model_stands_beside_another(type_tutorial):
    rows = pd.read_csv(type_tutorial("own-model") / "outputs/models/compare/matrix.csv")
    assert set(rows["method"]) == {"zero-filled", "small_net", "cascade"}


def test_a_sweep_is_compared(type_tutorial):
    rows = pd.read_csv(type_tutorial("sweep") / "outputs/three/compare/matrix.csv")
    assert set(rows["method"]) == {"zero-filled", "FL-MR", "FedProx", "SCAFFOLD"}
