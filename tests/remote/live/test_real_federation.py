"""Real processes on loopback: TLS, four sites, and the weights of a run in one process."""

import pytest

pytest.importorskip("flwr", reason="Flower isn't installed: pip install 'flmrcm[flower]'")

from kits.deployed_sites import RUNS, SITES, end_local
from kits.laws import equal

from flmrcm.middleware.ledger import LEDGER, Ledger

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.filterwarnings("ignore"),  # of NVFlare's session, which `up` opens
]


@pytest.mark.parametrize("words", RUNS, ids="-".join)
def test_three_rounds_end_bit_for_bit_where_in_process_ends(either, tmp_path, words):
    run = either.train(*words)
    assert run.ends()[0] == 0, run.output
    here = end_local(tmp_path / "here", either.place / "data", *words)
    assert equal(run.last().weights, here.weights)
    assert (either.place / "names").read_text() == ""


def test_both_ledgers_hold_the_same_lines(either):
    run = either.train("strategy=fl_mr", "rounds=1")
    assert run.ends()[0] == 0, run.output
    own = Ledger(run.folder / LEDGER).read()
    paths = [
        max(
            either.folder.glob(f"sites/{site}/runs/*/sites/{site}/{LEDGER}"),
            key=lambda path: path.stat().st_mtime_ns,
        )
        for site in SITES
    ]
    theirs = [entry for path in paths for entry in Ledger(path).read()]
    assert sorted(theirs) == sorted(own)
    assert len(own) > 100
