"""The sweep in docs/ asks for trials that train as typed."""

from pathlib import Path

import pytest
import yaml
from wandb.sdk.launch.sweeps.utils import create_sweep_command_args

from flmrcm.config.check import check_config
from flmrcm.config.compose import compose_config, expand_words
from flmrcm.tracking.run_info import compute_headline
from flmrcm.types import Measurement

SWEEP = yaml.safe_load((Path(__file__).parents[2] / "docs/wandb-sweep.yaml").read_text())


def trial(end: str) -> list[str]:
    """The command of one corner of the search, filled in as wandb's agent does it."""
    values = {
        name: {"value": told[end] if end in told else told["values"][0 if end == "min" else -1]}
        for name, told in SWEEP["parameters"].items()
    }
    arguments = create_sweep_command_args({"args": values})
    words = [word for word in SWEEP["command"] if word != "${env}"]
    at = words.index("${args_no_hyphens}")
    return [*words[:at], *arguments["args_no_hyphens"], *words[at + 1 :]]


@pytest.mark.parametrize("end", ["min", "max"])
def test_its_corners_are_runs_of_ours(end: str) -> None:
    door, command, *words = trial(end)
    assert (door, command) == ("flmrcm", "train")
    offline = [word for word in words if not word.startswith("logger.")]
    parts = check_config(compose_config("train", expand_words([*offline, "debug=tiny"])))
    assert parts.strategy.name == "FL-MRCM"
    assert (
        parts.config["local"]["optimizer"]["lr"] == SWEEP["parameters"]["local.optimizer.lr"][end]
    )


def test_what_it_maximises_is_in_every_runs_summary() -> None:
    rows = [Measurement(0, split, "a", metric, convention, 1.0) for split, metric, convention in (
        ("train", "loss", ""), ("val", "psnr", "fastmri"),
    )]  # fmt: skip
    assert SWEEP["metric"]["name"] in compute_headline(rows)
