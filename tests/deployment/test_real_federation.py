"""Real processes on loopback: TLS, keys, four sites, and the weights of one process."""

import os
import socket
from pathlib import Path

import pytest

pytest.importorskip("flwr", reason="Flower isn't installed: pip install 'flmrcm[flower]'")

from houses_kit import SITES, WORDS, run_here, write_houses
from laws_kit import equal

from flmrcm.app import main
from flmrcm.federation.checkpoint import read_checkpoint

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

GUARD = """
import os, socket
_ask = socket.getaddrinfo
def getaddrinfo(host, *rest, **more):
    name = host.decode() if isinstance(host, bytes) else host
    if name not in (None, "", "localhost", "127.0.0.1", "::1", "0.0.0.0", "::"):
        with open(os.environ["FLMRCM_ASKED"], "a") as asked:
            asked.write(f"{name}\\n")
        raise OSError(f"{name}: looked up outside this machine")
    return _ask(host, *rest, **more)
socket.getaddrinfo = getaddrinfo
"""
"""What every process of the federation imports first."""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("federation")


@pytest.fixture(scope="module")
def federation(place):
    """Four sites and their coordinator, up; every look-up of a foreign name is noted."""
    (place / "guard").mkdir()
    (place / "guard" / "sitecustomize.py").write_text(GUARD)
    (place / "asked").touch()
    write_houses(place / "data")
    roots = [f"sites.{name}.root={place / 'data' / folder}" for name, folder in SITES.items()]
    ports = [f"port={free_port()}", f"node_port={free_port()}"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(place / "guard"))
        patch.setenv("FLMRCM_ASKED", str(place / "asked"))
        patch.setenv("OMP_NUM_THREADS", "1")
        words = ["flower", "sites=bfhi", *roots, *ports, f"output={place / 'up'}"]
        main(["deploy", *words])
        for house in place.glob("up/sites/*/site.yaml"):
            house.write_text(house.read_text().replace("threads: null", "threads: 1"))
        main(["up", *words])
        yield place / "up" / "coordinator"
        main(["down", str(place / "up")])


@pytest.mark.parametrize("name", ["fl_mr", "fl_mrcm_latent", "scaffold"])
def test_three_rounds_end_bit_for_bit_where_in_process_ends(
    federation, place, tmp_path, monkeypatch, name
):
    monkeypatch.chdir(tmp_path)
    words = [*WORDS, f"strategy={name}"]
    abroad = ["engine=flower", f"engine.federation={federation}", "engine.patience=600"]
    main(["train", *words, *abroad])
    (path,) = Path("outputs").glob("*/*/checkpoints/last.pt")
    here = run_here(tmp_path / "here", place / "data", f"strategy={name}")
    expected = read_checkpoint(here.path / "checkpoints" / "last.pt")
    assert equal(read_checkpoint(path).weights, expected.weights)
    assert (place / "asked").read_text() == ""


def test_the_guard_notes_who_asks_for_a_foreign_name(federation, tmp_path):
    asked = tmp_path / "asked"
    script = "import socket; socket.getaddrinfo('example.org', 80)"
    words = f'FLMRCM_ASKED={asked} python3 -c "{script}" 2>/dev/null'
    assert os.system(words) != 0
    assert asked.read_text() == "example.org\n"
