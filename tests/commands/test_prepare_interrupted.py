"""`flmrcm prepare` cut off: killed, stopped, out of room; and gone on with."""

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from kits.prepare import SALT, contents, head, write_nifti

from flmrcm.app import main

WORDS = ["prepare", "source=nifti", "input=in", f"salt={SALT}", "sheets=false"]
COMMAND = [sys.executable, "-m", "flmrcm", *WORDS]


HELD = """
import os, pathlib, time
rename = pathlib.Path.replace

def rename_and_wait(path, target):
    done = rename(path, target)
    while pathlib.Path(target).suffix == ".h5" and pathlib.Path(os.environ["HELD"]).exists():
        time.sleep(0.01)
    return done

pathlib.Path.replace = rename_and_wait
"""
"""Every process of a command imports this first: after its first volume it waits to be let go."""


@pytest.fixture
def heads():
    """Five subjects: enough to be caught in the middle."""
    for i in range(5):
        write_nifti(Path(f"in/sub-{i}_T1w.nii"), head((60, 40, 36), i))


def cut_off(number, *words):
    """Send a signal to a command once its first volume is there; return its status and output."""
    hooks, held = Path("hooks"), Path("held")
    hooks.mkdir()
    held.touch()
    (hooks / "sitecustomize.py").write_text(HELD)
    before = os.environ.get("PYTHONPATH", "")
    process = subprocess.Popen(
        [*COMMAND, "output=cut/site", "size=128", *words],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={
            **os.environ,
            "HELD": str(held.resolve()),
            "PYTHONPATH": f"{hooks.resolve()}:{before}",
        },
        # a shell has its background jobs ignore Ctrl-C, and they hand that on
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while not list(Path("cut/site").rglob("sub-*.h5")):
        assert process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, number)
    held.unlink()
    said = process.communicate()[1]
    return process.returncode, said


def finished():
    """What an undisturbed run makes, and what going on makes of the one cut off."""
    for place in ("cut", "whole"):
        main([*WORDS, f"output={place}/site", "size=128"])
    return [contents(Path(place, "site")) for place in ("cut", "whole")]


@pytest.mark.parametrize("workers", [1, 2])
def test_killed_in_the_middle_and_typed_again_ends_with_the_same_bytes(heads, workers):
    cut_off(signal.SIGKILL, f"workers={workers}")
    assert not Path("cut/site/manifest.json").exists()
    gone_on, whole = finished()
    assert gone_on.keys() == whole.keys()
    assert [name for name in whole if whole[name] != gone_on[name]] == []


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_is_one_line_and_leaves_no_half(heads, workers):
    status, said = cut_off(signal.SIGINT, f"workers={workers}")
    assert status == 130
    assert "whatever was whole is kept" in said
    assert "Traceback" not in said
    assert not list(Path("cut/site").rglob(".*.h5.*"))


def test_a_full_device_is_one_line_and_going_on_needs_only_room(heads):
    def little_room():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    ended = subprocess.run(
        [*COMMAND, "output=cut/site", "size=128"], stderr=subprocess.PIPE, text=True,
        preexec_fn=little_room, env={**os.environ, "COLUMNS": "200"},
    )  # fmt: skip
    assert ended.returncode == 1
    assert "File too large" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not list(Path("cut/site").rglob("*.h5*"))
    main([*WORDS, "output=cut/site", "size=128"])
    assert len(list(Path("cut/site").rglob("*.h5"))) == 5
