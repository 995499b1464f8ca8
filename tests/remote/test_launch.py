"""A run that's handed over ends in one line, whoever ended, and what to type is in it."""

from types import SimpleNamespace

import pytest
from omegaconf import OmegaConf

from flmrcm.errors import FlmrcmError
from flmrcm.remote import launch


class Coordinator:
    """Takes a run, writes how it ended unless that's None, and is there for so many looks."""

    def __init__(self, place, told, looks):
        self.place, self.told, self.looks = place, told, looks

    def list_sites(self):
        self.looks -= 1
        if self.looks < 0:
            raise FlmrcmError("nobody answers")
        return {"ixi"}

    def submit(self, errand):
        if self.told is not None:
            (self.place / "jobs" / f"{errand.job}.ended").write_text(self.told)


@pytest.fixture
def launched(tmp_path, monkeypatch):
    """Launches a run at a coordinator that ends it so."""
    monkeypatch.setattr(
        launch, "check_config", lambda _: SimpleNamespace(config={}, sites={"ixi": None})
    )
    monkeypatch.setattr(launch, "check_transport", lambda *_: None)
    monkeypatch.setattr(launch, "select_travelling_config", dict)
    target = "flmrcm.remote.flower.engine.FlowerEngine"
    engine = {"_target_": target, "federation": str(tmp_path), "patience": 1}

    def launched(told, looks):
        make = {"flower": lambda place: Coordinator(place, told, looks)}
        monkeypatch.setattr(launch, "_LAUNCHERS", make)
        cfg = OmegaConf.create({"engine": engine})
        launch.hand_over(cfg, tmp_path / "run", resumes=False)

    return launched


def test_a_run_that_went_well_says_nothing(launched):
    launched("", looks=1)


@pytest.mark.parametrize(
    ("told", "looks", "line"),
    [
        ("site ixi, round 1: no reply.", 1, "site ixi, round 1: no reply."),
        (None, 0, "nobody answers"),
        (None, 1, "the coordinator's process ended; start it again ({0}/start.sh), and go on with"),
        (None, 2, "the run's process at the coordinator ended ({0}/log.txt may tell why); go on"),
    ],
)
def test_who_ended_is_told_apart(launched, tmp_path, told, looks, line):
    with pytest.raises(FlmrcmError) as failed:
        launched(told, looks)
    assert str(failed.value).startswith(line.format(tmp_path))


def test_what_to_type_is_in_the_line(launched, tmp_path):
    with pytest.raises(FlmrcmError, match=f"go on with resume={tmp_path / 'run'}"):
        launched(None, looks=2)
