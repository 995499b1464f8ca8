"""Hydra as the program: what it does for a single run beside composing it."""

import os
from pathlib import Path

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback

from flmrcm.app import main
from flmrcm.config.compose import compose_config
from flmrcm.config.hydra_app import run_composed

told: list[str] = []


class Recorder(Callback):
    """Keeps what Hydra tells it."""

    def on_run_start(self, config, **kwargs):
        told.append("run starts")

    def on_job_start(self, config, **kwargs):
        told.append("job starts")

    def on_job_end(self, config, job_return, **kwargs):
        told.append(f"job ends: {job_return.status.name}")

    def on_run_end(self, config, **kwargs):
        told.append("run ends")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def whole():
    """A composed run with Hydra's node: a callback, a variable, a folder of its own."""
    told.clear()
    words = [
        "debug=tiny", "hydra.run.dir=here", "+hydra.job.env_set.FLMRCM_TOLD=yes",
        f"+hydra.callbacks.recorder._target_={__name__}.Recorder",
    ]  # fmt: skip
    return compose_config("train", words, with_hydra=True)


def test_a_composed_job_runs_in_its_folder_between_its_callbacks(whole):
    def task(config):
        assert "hydra" not in config
        folder = HydraConfig.get().runtime.output_dir
        told.append(f"{config.rounds} {Path(folder).name} {os.environ['FLMRCM_TOLD']}")

    run_composed(whole, task)
    assert told == ["run starts", "job starts", "1 here yes", "job ends: COMPLETED", "run ends"]
    assert "FLMRCM_TOLD" not in os.environ


def test_what_goes_wrong_in_a_composed_job_is_raised(whole):
    def task(_):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_composed(whole, task)
    assert told[-2:] == ["job ends: FAILED", "run ends"]


def test_a_single_run_is_composed_once(monkeypatch):
    composed = []
    compose = ConfigLoaderImpl.load_configuration

    def count(self, *args, **kwargs):
        composed.append(args)
        return compose(self, *args, **kwargs)

    monkeypatch.setattr(ConfigLoaderImpl, "load_configuration", count)
    main(["train", "debug=tiny", "logger=csv"])
    assert len(composed) == 1
