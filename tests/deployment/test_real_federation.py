"""Real processes on loopback: TLS, keys, four sites, and the weights of one process."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("flwr", reason="Flower isn't installed: pip install 'flmrcm[flower]'")

from federation_kit import HOOKS
from houses_kit import ended_here
from laws_kit import equal

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


@pytest.mark.parametrize("name", ["fl_mr", "fl_mrcm_latent", "scaffold"])
def test_three_rounds_end_bit_for_bit_where_in_process_ends(federation, tmp_path, name):
    run = federation.train(f"strategy={name}")
    assert run.ends()[0] == 0
    here = ended_here(tmp_path / "here", federation.place / "data", f"strategy={name}")
    assert equal(run.last().weights, here.weights)
    assert (federation.place / "asked").read_text() == ""


def test_the_guard_notes_who_asks_for_a_foreign_name(tmp_path):
    asked = tmp_path / "asked"
    script = "import socket; socket.getaddrinfo('example.org', 80)"
    own = {**os.environ, "FLMRCM_ASKED": str(asked), "PYTHONPATH": str(HOOKS)}
    done = subprocess.run([sys.executable, "-c", script], env=own, stderr=subprocess.DEVNULL)
    assert done.returncode != 0
    assert asked.read_text() == "example.org\n"
