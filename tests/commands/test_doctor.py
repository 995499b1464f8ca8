"""`flmrcm doctor`: facts for a bug report, and what stops runs."""

import os
import re
from pathlib import Path

from flmrcm.app import main


def test_versions_disk_and_environment_are_told_without_home_host_or_key(capsys, monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "secret-key")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("TMPDIR", str(Path.home() / "scratch"))
    main(["doctor"])
    text = capsys.readouterr().out
    for fact in (r"flmrcm +0\.", r"python +3\.", r"torch +2", r"GPU", r"runs +outputs: .* free"):
        assert re.search(fact, text), fact
    assert re.search(r"\$WANDB_MODE +offline", text)
    assert re.search(r"\$TMPDIR +~/scratch", text)
    assert "secret-key" not in text
    assert os.uname().nodename not in text
    assert text.rstrip().endswith("flmrcm train debug=tiny")


def test_it_leaves_nothing_behind(capsys):
    main(["doctor"])
    assert [*Path().iterdir()] == []


def test_what_stops_runs_ends_it_with_one(said):
    Path("outputs").write_text("a file where a folder should be")
    code, text = said("doctor")
    assert code == 1
    assert "Runs can't succeed here: 1 of the lines above." in text
