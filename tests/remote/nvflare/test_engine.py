"""NVFlare: its packing, sites with their own files, and the same weights, bit for bit.

Real processes are in tests/remote/live/test_real_federation.py.
"""

from pathlib import Path

import pytest

pytest.importorskip("flwr", reason="see `make test-deployment`")
pytest.importorskip("nvflare", reason="NVFlare isn't installed: pip install 'flmrcm[nvflare]'")

import torch
from kits.deployed_sites import last, run_local
from kits.laws import equal
from kits.nvflare import OneProcess, call_site, carried, run_remote
from nvflare.collab.api.exceptions import CollabCallError, RunAborted

from flmrcm.errors import SiteFailed
from flmrcm.federation.journal import Journal
from flmrcm.middleware.ledger import LEDGER, Ledger
from flmrcm.remote.codec import Envelope, decode_response, encode_response
from flmrcm.remote.connection import Response
from flmrcm.remote.nvflare import connection
from flmrcm.remote.nvflare.app.site import SiteEndpoint
from flmrcm.types import Reply

pytestmark = pytest.mark.timeout(900)  # whole runs; a busy machine needs long

STRATEGIES = ("fl_mr", "fl_mrcm_latent", "scaffold")
ONE = ["strategy=fl_mr", "rounds=1", "test.saved_volumes=0"]


@pytest.mark.parametrize("name", STRATEGIES)
def test_three_rounds_cut_after_one_end_bit_for_bit_where_in_process_ends(
    root, site_files, tmp_path, name
):
    words = [f"strategy={name}", "test.saved_volumes=0"]
    run_remote(tmp_path / "remote", OneProcess(site_files), *words, "rounds=1")
    remote = last(run_remote(tmp_path / "remote", OneProcess(site_files), *words, resumes=True))
    here = last(run_local(tmp_path / "here", root, *words))
    assert equal(remote.weights, here.weights)
    assert remote.extras.keys() == here.extras.keys()
    assert all(equal(remote.extras[kind], here.extras[kind]) for kind in here.extras)
    assert remote.memory == here.memory


def test_both_ledgers_hold_the_same_lines_and_bf16_takes_half_the_bytes(site_files, tmp_path):
    sizes = {}
    for wire in ("fp32", "bf16"):
        words = [*ONE, f"middleware.wire.kind={wire}"]
        run = run_remote(tmp_path / wire, OneProcess(site_files), *words)
        path = max(
            site_files["ixi"].parent.glob(f"runs/*/sites/ixi/{LEDGER}"),
            key=lambda p: p.stat().st_mtime_ns,
        )
        theirs = Ledger(path).read()
        own = [entry for entry in Ledger(run.path / LEDGER).read() if entry.site == "ixi"]
        assert sorted(theirs) == sorted(own)
        sizes[wire] = sum(entry.bytes for entry in own if entry.dtype != "int64" and entry.shape)
    assert sizes["bf16"] < 0.6 * sizes["fp32"]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.int64])
def test_nvflare_carries_every_kind_of_tensor_bit_for_bit(dtype):
    tensors = {"a": torch.randn(3, 2).to(dtype), "b": torch.tensor(3).to(dtype)}
    head, received = carried(tuple(encode_response(Response(Reply("ixi", 1, tensors)))))
    assert equal(decode_response("ixi", 0, Envelope(head, received)).reply.weights, tensors)


def test_nothing_that_travels_to_a_site_names_a_path(site_files, tmp_path):
    job = OneProcess(site_files)
    run_remote(tmp_path / "run", job, *ONE)
    assert len(job.seen) >= 16
    assert not any(str(place) in text for text in job.seen for place in (tmp_path, Path.home()))


def test_a_call_has_the_time_out_of_the_config_or_months(site_files, tmp_path):
    job = OneProcess(site_files)
    run_remote(tmp_path / "run", job, *ONE, "robust.timeout=600")
    assert set(job.timeouts) == {600.0, 1e7}


@pytest.mark.parametrize(
    ("cause", "timeout", "line"),
    [
        (TimeoutError("late"), 1e-9, r"no reply within 1e-09 s \(robust.timeout\)."),
        (TimeoutError("soon"), 600, "its process is gone, or can't be reached any more."),
        (RuntimeError("cell\nis gone"), 600, r"cell is gone \(from NVFlare\)"),
    ],
)
def test_a_call_that_fails_on_the_way_ends_the_run_in_one_line(
    site_files, tmp_path, cause, timeout, line
):
    job = OneProcess(site_files)
    job.raises = {"ixi": CollabCallError("ixi.client", "answer", cause)}
    with pytest.raises(SiteFailed, match=rf"^site ixi, round 0: {line}"):
        run_remote(tmp_path / "run", job, *ONE, f"robust.timeout={timeout}")


def test_a_site_whose_process_is_gone_is_not_waited_for(site_files, tmp_path, monkeypatch):
    monkeypatch.setattr(connection, "_CHECK_EVERY", 0.05)
    job = OneProcess(site_files)
    job.gone = {"ixi"}  # its answer to a call to train never comes
    with pytest.raises(SiteFailed, match=r"^site ixi, round 0: its process is gone"):
        run_remote(tmp_path / "run", job, *ONE)
    job.done.set()


def test_a_stopped_run_says_so_even_where_failures_are_tolerated(site_files, tmp_path):
    job = OneProcess(site_files)
    job.raises = {"ixi": RunAborted()}
    with pytest.raises(
        SiteFailed, match="stopped, by hand or by NVFlare; every whole round is kept"
    ):
        run_remote(tmp_path / "run", job, *ONE, "robust.quorum=2")


def test_with_a_quorum_the_run_goes_on_without_an_absent_site(site_files, tmp_path):
    job = OneProcess(site_files)
    job.absent = {"ixi"}
    run = run_remote(tmp_path / "run", job, *ONE, "robust.quorum=3")
    rows = Journal(run.path / "journal.csv").read()
    assert {row.site for row in rows if row.split == "participation"} == {"ixi"}


def test_another_version_is_refused(site_files, tmp_path, monkeypatch):
    monkeypatch.setattr("flmrcm.remote.engine.__version__", "0.0.7")
    with pytest.raises(SiteFailed, match=r"ixi, round 0: it has another version of flmrcm"):
        run_remote(tmp_path / "run", OneProcess(site_files), *ONE)


@pytest.mark.parametrize("caller", ["brats", "server"])
def test_a_client_of_the_job_and_a_site_without_its_file_get_a_word(caller, caplog):
    answer = call_site(SiteEndpoint("{}"), "ixi", caller, head="{}", tensors={})
    reply = decode_response("ixi", 0, Envelope(*answer)).reply
    assert reply.error_kind == "failed"
    # NVFlare lets a job's clients call each other; the coordinator's call finds no file
    assert {"brats": "PermissionError", "server": "KeyError"}[caller] in caplog.text


def test_a_site_without_its_own_file_says_so_and_names_no_path(monkeypatch, tmp_path):
    monkeypatch.setenv("FLMRCM_SITE_FILE", str(tmp_path / "none.yaml"))
    answer = call_site(SiteEndpoint("{}"), "ixi", head='{"round": 0}', tensors={"weights": {}})
    error = decode_response("ixi", 0, Envelope(*answer)).reply.error
    assert error.startswith("site ixi, round 0: ")
    assert str(tmp_path) not in error
