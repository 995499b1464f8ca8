"""A method of a package of one's own in the benchmark, as docs/benchmark.md says."""

import pandas as pd
import pytest
from kits.benchmark import TINY

pytestmark = pytest.mark.slow


def test_a_strategy_takes_part_in_a_benchmark(environment, tmp_path):
    words = ["run", str(TINY), "method=heavy_ball", "part=1/2"]
    done = environment.run(tmp_path, "flmrcm", "benchmark", *words)
    assert done.returncode == 0, done.stderr
    file = "results/tiny/heavy_ball-unet.csv"
    assert '"name": "HeavyBall"' in (tmp_path / file).read_text()
    assert len(pd.read_csv(tmp_path / file, comment="#")) == 25
    words = ["verify", file, f"protocol={TINY}", "tasks=participating"]
    refused = environment.run(tmp_path, "flmrcm", "benchmark", *words)
    assert refused.returncode == 1
    assert "trust=true" in refused.stderr
    done = environment.run(tmp_path, "flmrcm", "benchmark", *words, "trust=true")
    assert done.returncode == 0, done.stderr
    assert "psnr: equal" in done.stdout
