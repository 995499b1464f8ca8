"""A run that is handed over ends in one line, which says how to go on."""

import json
from types import SimpleNamespace

import pytest
from omegaconf import OmegaConf

from flmrcm.errors import FlmrcmError
from flmrcm.remote import launch


class Coordinator:
    """Takes a run, writes its outcome unless that is None, and answers so many times."""

    def __init__(self, folder, outcome, answers):
        self.folder, self.outcome, self.answers = folder, outcome, answers

    def list_sites(self):
        self.answers -= 1
        if self.answers < 0:
            raise FlmrcmError("nobody answers")
        return {"ixi"}

    def submit(self, request):
        if self.outcome is not None:
            (self.folder / "jobs" / f"{request.job}.ended").write_text(self.outcome)


@pytest.fixture
def launched(tmp_path, monkeypatch):
    """Return a function that launches a run at a coordinator with an outcome."""
    config = {"init_from": "start.pt"}
    monkeypatch.setattr(
        launch, "check_config", lambda _: SimpleNamespace(config=config, sites={"ixi": None})
    )
    monkeypatch.setattr(launch, "check_transport", lambda *_: None)
    monkeypatch.setattr(launch, "select_travelling_config", dict)
    target = "flmrcm.remote.flower.engine.FlowerEngine"
    engine = {"_target_": target, "federation": str(tmp_path), "patience": 1}

    def launched(outcome, answers):
        make = {"flower": lambda folder: Coordinator(folder, outcome, answers)}
        monkeypatch.setattr(launch, "_LAUNCHERS", make)
        cfg = OmegaConf.create({"engine": engine})
        launch.hand_over(cfg, tmp_path / "run", resumes=False)

    return launched


def test_a_successful_run_prints_nothing_more(launched):
    launched("", answers=1)


def test_the_coordinators_process_finds_the_weights_that_a_run_starts_from(
    launched, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    launched("", answers=1)
    (request,) = (tmp_path / "jobs").glob("*.json")
    assert json.loads(request.read_text())["config"]["init_from"] == str(tmp_path / "start.pt")


@pytest.mark.parametrize(
    ("outcome", "answers", "line"),
    [
        ("site ixi, round 1: no reply.", 1, "site ixi, round 1: no reply."),
        (None, 0, "nobody answers"),
        (None, 1, "the coordinator's process ended; start it again ({0}/start.sh), and go on with"),
        (None, 2, "the run's process at the coordinator ended ({0}/log.txt may say why); go on"),
    ],
)
def test_the_line_says_which_process_ended(launched, tmp_path, outcome, answers, line):
    with pytest.raises(FlmrcmError) as failed:
        launched(outcome, answers)
    assert str(failed.value).startswith(line.format(tmp_path))


def test_the_line_says_how_to_resume(launched, tmp_path):
    with pytest.raises(FlmrcmError, match=f"go on with resume={tmp_path / 'run'}"):
        launched(None, answers=2)
