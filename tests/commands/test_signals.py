"""A signal ends a command as Ctrl-C does: one line, its own status, and a run that can go on."""

import os
import signal
import subprocess
import sys
import time

import pytest
from kits.cli import SMALL, command, runs

from flmrcm.app import main
from flmrcm.federation.journal import Journal

SIGNALS = [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)]


def heed():
    """Heed Ctrl-C, which whoever runs the tests in the background has commands ignore."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def ended_by(number, words, when, begin=heed):
    """Send a signal to a command once something is there; return its status and what it said."""
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, preexec_fn=begin)
    while not when():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(number)
    said = process.communicate()[1]
    return process.returncode, said


def checkpoint_written():
    return any(list(folder.glob("checkpoints/round_0001.pt")) for folder in runs("small"))


@pytest.mark.parametrize(("number", "status"), SIGNALS)
def test_a_run_is_stopped_by_one_line_and_goes_on(hospitals, number, status):
    code, said = ended_by(number, command(*SMALL, "rounds=500"), checkpoint_written)
    assert code == status
    assert said.splitlines()[-1].endswith("whatever was whole is kept.")
    assert "Traceback" not in said
    (folder,) = runs("small")
    last = max(row.round for row in Journal(folder / "journal.csv").read())
    assert not (folder / "done").exists()
    main(["train", f"resume={folder}", f"rounds={last + 2}"])
    assert (folder / "done").exists()


def test_a_multirun_is_stopped_too_and_starts_no_other_job(hospitals):
    words = command("-m", *SMALL, "rounds=500", "seed=1,2")
    code, said = ended_by(signal.SIGTERM, words, checkpoint_written)
    assert code == 143
    assert "stopped by SIGTERM" in said
    assert len(runs("small")) == 1


def test_a_command_that_waits_is_stopped_while_it_loads(tmp_path):
    words = [sys.executable, "-X", "importtime", "-m", "flmrcm", "train", "debug=tiny"]
    with (tmp_path / "err").open("w") as err:
        process = subprocess.Popen(words, stderr=err)
        while "torch" not in (tmp_path / "err").read_text():
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 143
    assert "stopped by SIGTERM" in (tmp_path / "err").read_text()


def test_nohup_stays_in_force(hospitals):
    def ignore():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    code, said = ended_by(signal.SIGHUP, command(*SMALL, "rounds=3"), checkpoint_written, ignore)
    assert code == 0, said


def test_a_caller_keeps_its_own_handlers():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit):
        main(["train", "roundz=3"])
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_process_forked_from_a_command_ends_by_the_signal_as_usual(monkeypatch):
    ended = []

    def fork(_words):
        if (child := os.fork()) == 0:
            os.kill(os.getpid(), signal.SIGTERM)
            os._exit(0)
        ended.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

    monkeypatch.setattr("flmrcm.commands.down.main", fork)
    main(["down"])
    assert ended == [-signal.SIGTERM]
