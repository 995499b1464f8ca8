"""Long-running processes: they end with their parent, and their output is kept."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from flmrcm.remote.provision.processes import ChildProcess

STARTS = """
import os, sys, time
from pathlib import Path
from flmrcm.remote.provision.processes import ChildProcess
words = [sys.executable, "-c", "import os, signal; print(os.getpid(), flush=True); signal.pause()"]
with ChildProcess(words, Path(sys.argv[1]), dict(os.environ)) as child:
    child.wait()
"""


def runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="Linux's own service")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_child_ends_with_its_parent_however_that_ends(tmp_path, how):
    parent = subprocess.Popen([sys.executable, "-c", STARTS, str(tmp_path)])
    while not (log := tmp_path / "log.txt").exists() or not log.read_text().endswith("\n"):
        assert parent.poll() is None
        time.sleep(0.05)
    child = int(log.read_text())
    parent.send_signal(how)
    parent.wait()
    try:
        while runs(child):  # it never ends by itself
            time.sleep(0.05)
    finally:
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)


def test_a_processs_output_excludes_earlier_lines(tmp_path):
    (tmp_path / "log.txt").write_text("long ago\n")
    with ChildProcess([sys.executable, "-c", "print('now')"], tmp_path, {}) as child:
        assert not child.wait_for(lambda: False)
        assert child.output == "now"
    assert (tmp_path / "log.txt").read_text() == "long ago\nnow\n"
