"""What can't work over NVFlare is one line that says what, where, and how to mend it."""

import socket
from contextlib import nullcontext
from pathlib import Path
from shutil import copyfile
from types import SimpleNamespace

import pytest

pytest.importorskip("nvflare", reason="NVFlare isn't installed: pip install 'flmrcm[nvflare]'")

from flmrcm.app import main
from flmrcm.errors import FlmrcmError
from flmrcm.remote import engine
from flmrcm.remote.nvflare import launcher, processes
from flmrcm.remote.nvflare.processes import serve_coordinator, serve_site

TRAIN = ["train", "sites=bfhi", "target=brats", "compute=cpu", "logger=csv", "engine=nvflare"]
TRAIN += ["model.channels=2", "model.pools=2", "engine.federation=new/coordinator"]
TRAIN += ["strategy=fl_mr", "engine.patience=0"]
KEYS = "new/sites/ixi/kit/startup"


@pytest.fixture(autouse=True)
def port():
    """Deploys four sites with free ports."""
    ports = []
    for _ in range(2):
        with socket.create_server(("127.0.0.1", 0)) as server:
            ports.append(server.getsockname()[1])
    words = ["sites=bfhi", "output=new", f"port={ports[0]}", f"admin_port={ports[1]}"]
    main(["deploy", "nvflare", *words])
    return ports[0]


@pytest.fixture
def answering(monkeypatch):
    """A server that answers, and to which nobody is connected."""
    monkeypatch.setattr("flmrcm.remote.provision.probe.probe_coordinator", lambda *_: None)
    opened = SimpleNamespace(get_system_info=lambda: SimpleNamespace(client_info=[]))
    monkeypatch.setattr(launcher, "open_session", lambda _: nullcontext(opened))


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["strategy=fl_mrcm"], "FL-MRCM shows the target's images to others; use strategy=fl_mrcm"),
        (["pooled=true"], "pooled=true puts sites' images together; use pooled=false"),
        (["engine.federation=null"], "engine.federation: name the coordinator's folder, made by"),
    ],
)
def test_a_config_that_cannot_work_abroad_is_refused_before_anything_is_asked(said, words, line):
    status, told = said(*TRAIN, *words)
    assert status == 2
    assert line in told


def test_a_coordinator_that_does_not_run_is_told_with_what_starts_it(said, port):
    assert said(*TRAIN) == (
        1,
        f"127.0.0.1:{port}: no coordinator answers (Connection refused); start it with "
        "coordinator/start.sh.",
    )


def test_a_folder_made_for_the_other_transport_is_told(said, monkeypatch):
    monkeypatch.setattr(engine, "find_spec", lambda _: True)  # as if Flower were installed
    status, told = said(*TRAIN, "engine=flower")
    assert status == 1
    assert "was made by `flmrcm deploy nvflare`; use engine=nvflare" in told


def test_sites_that_the_coordinator_does_not_know_are_named(said, answering):
    path = Path("new/coordinator/coordinator.yaml")
    path.write_text(path.read_text().replace(", ixi", ""))
    assert said(*TRAIN) == (
        1,
        "sites.ixi: the coordinator knows none of that name, but brats, fastmri, hpks.",
    )


def test_when_nobody_is_connected_no_job_is_begun(said, answering):
    assert said(*TRAIN) == (1, "no site is connected (waited 0 s).")


def test_without_the_extra_train_names_it(said, monkeypatch):
    monkeypatch.setattr(engine, "find_spec", lambda _: None)
    assert said(*TRAIN) == (
        2,
        "config: engine=nvflare: isn't installed; pip install 'flmrcm[nvflare]'.",
    )


def test_without_the_extra_start_scripts_name_it(monkeypatch):
    monkeypatch.setattr(processes, "find_spec", lambda _: None)
    for serve, party in ((serve_coordinator, "coordinator"), (serve_site, "sites/ixi")):
        with pytest.raises(FlmrcmError, match=r"isn't installed; pip install 'flmrcm\[nvflare\]'"):
            serve(Path("new") / party)


def test_a_taken_port_stops_the_coordinator_and_up(said, port):
    why = "can't be listened on (Address already in use); end what uses it, or take another port."
    with socket.create_server(("127.0.0.1", port)):
        assert said("up", "nvflare", "sites=bfhi", "output=new") == (1, f"port {port}: {why}")
        with pytest.raises(FlmrcmError, match=f"port {port}: can't be listened on"):
            serve_coordinator(Path("new/coordinator"))


def test_a_coordinator_with_a_foreign_certificate_does_not_start():
    main(["deploy", "nvflare", "sites=bfhi", "output=other"])
    startup = "coordinator/server/startup/server.crt"
    copyfile(f"other/{startup}", f"new/{startup}")
    with pytest.raises(FlmrcmError, match=r"server\.crt: not signed by .*rootCA\.pem"):
        serve_coordinator(Path("new/coordinator"))


def test_a_site_without_its_certificate_does_not_start():
    Path(KEYS, "client.crt").unlink()
    with pytest.raises(FlmrcmError, match=r"client\.crt: isn't there; it comes with the deploym"):
        serve_site(Path("new/sites/ixi"))


def test_nothing_is_overwritten_by_a_second_deployment(said):
    key = Path(KEYS, "client.key").read_bytes()
    assert said("deploy", "nvflare", "sites=bfhi", "output=new") == (
        1,
        "new: isn't empty, and keys are never overwritten; name another.",
    )
    assert Path(KEYS, "client.key").read_bytes() == key
