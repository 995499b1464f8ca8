"""Real processes on loopback: TLS, four sites known by key or certificate, weights of one process.

Each transport's federation is brought up once, and every strategy runs on it.
"""

import os
import socket
from pathlib import Path

import pytest

pytest.importorskip("flwr", reason="see `make test-deployment`")
pytest.importorskip("nvflare", reason="see `make test-deployment`")

from houses_kit import SITES, WORDS, run_here, write_houses
from laws_kit import equal

from flmrcm.app import main
from flmrcm.federation.checkpoint import read_checkpoint
from flmrcm.federation.ledger import LEDGER, Ledger

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.filterwarnings("ignore"),  # of NVFlare's session, which lives in this process
]

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


@pytest.fixture(scope="module", params=["flower", "nvflare"])
def via(request):
    return request.param


@pytest.fixture(scope="module")
def place(via, tmp_path_factory):
    return tmp_path_factory.mktemp(via)


@pytest.fixture(scope="module")
def federation(via, place):
    """Four sites and their coordinator, up; every look-up of a foreign name is noted."""
    (place / "guard").mkdir()
    (place / "guard" / "sitecustomize.py").write_text(GUARD)
    (place / "asked").touch()
    write_houses(place / "data")
    roots = [f"sites.{name}.root={place / 'data' / folder}" for name, folder in SITES.items()]
    own = {"flower": "node_port", "nvflare": "admin_port"}[via]
    ports = [f"port={free_port()}", f"{own}={free_port()}"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(place / "guard"))
        patch.setenv("FLMRCM_ASKED", str(place / "asked"))
        patch.setenv("OMP_NUM_THREADS", "1")
        words = [via, "sites=bfhi", *roots, *ports, f"output={place / 'up'}"]
        main(["deploy", *words])
        for house in place.glob("up/sites/*/site.yaml"):
            house.write_text(house.read_text().replace("threads: null", "threads: 1"))
        try:
            main(["up", *words])
            yield place / "up" / "coordinator"
        finally:
            main(["down", str(place / "up")])


def assert_both_books_say_the_same(run, place):
    """The run's own ledger, and those that its sites kept; what a site judges isn't booked here."""
    books = [max(place.glob(f"up/sites/{site}/runs/*/sites/{site}/{LEDGER}"),
                 key=lambda path: path.stat().st_mtime_ns) for site in SITES]  # fmt: skip
    theirs = [entry for book in books for entry in Ledger(book).read() if entry.op != "judge"]
    assert sorted(theirs) == sorted(Ledger(run / LEDGER).read())
    assert len(theirs) > 100


@pytest.mark.parametrize("name", ["fl_mr", "fl_mrcm_latent", "scaffold"])
def test_three_rounds_end_bit_for_bit_where_in_process_ends(
    via, federation, place, tmp_path, monkeypatch, name
):
    monkeypatch.chdir(tmp_path)
    words = [*WORDS, f"strategy={name}"]
    abroad = [f"engine={via}", f"engine.federation={federation}", "engine.patience=600"]
    main(["train", *words, *abroad])
    (path,) = Path("outputs").glob("*/*/checkpoints/last.pt")
    here = run_here(tmp_path / "here", place / "data", f"strategy={name}")
    expected = read_checkpoint(here.path / "checkpoints" / "last.pt")
    assert equal(read_checkpoint(path).weights, expected.weights)
    assert_both_books_say_the_same(path.parents[1], place)
    assert (place / "asked").read_text() == ""


def test_the_guard_notes_who_asks_for_a_foreign_name(federation, tmp_path):
    asked = tmp_path / "asked"
    script = "import socket; socket.getaddrinfo('example.org', 80)"
    words = f'FLMRCM_ASKED={asked} python3 -c "{script}" 2>/dev/null'
    assert os.system(words) != 0
    assert asked.read_text() == "example.org\n"
