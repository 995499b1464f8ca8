"""What can't work between hospitals is one line that says what, where, and how to mend it."""

import json
import socket
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path

import pytest
from kits.tls import answering, written

from flmrcm.app import main
from flmrcm.errors import FlmrcmError
from flmrcm.remote import engine
from flmrcm.remote.flower import launcher, processes
from flmrcm.remote.flower.processes import serve_coordinator, serve_site
from flmrcm.remote.provision import certificates, try_out
from flmrcm.remote.provision.certificates import make_certificates

TRAIN = ["train", "sites=bfhi", "target=brats", "compute=cpu", "logger=csv", "engine=flower"]
TRAIN += ["model.channels=2", "model.pools=2", "engine.federation=new/coordinator"]


@pytest.fixture(autouse=True)
def port(monkeypatch):
    """Deploys four sites with a free port; Flower seems to be installed."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    main(["deploy", "flower", "sites=bfhi", "data_dir=data", "output=new", f"port={port}"])
    monkeypatch.setattr(engine, "find_spec", lambda name: name)
    for module in (processes, launcher):
        monkeypatch.setattr(module, "find_program", lambda name: name)
    return port


def taken(port):
    return socket.create_server(("127.0.0.1", port))


def expired(monkeypatch):
    then = certificates._now() - timedelta(days=90)
    with monkeypatch.context() as past:
        past.setattr(certificates, "_now", lambda: then)
        return make_certificates(["127.0.0.1"], 30)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["strategy=fl_mrcm"], "FL-MRCM shows the target's images to others; use strategy=fl_mrcm"),
        (["pooled=true"], "pooled=true puts sites' images together; use pooled=false"),
        (["robust.quorum=9"], "robust.quorum=9: only 4 sites train in a round."),
        (["engine.patience=-1"], "engine.patience: 0 seconds or more; got -1."),
        (["middleware.wire.kind=fp8"], "middleware.wire.kind=fp8: use one of fp32, bf16, fp16."),
        (["engine.federation=null"], "engine.federation: name the coordinator's folder, made by"),
    ],
)
def test_a_config_that_cannot_work_abroad_is_refused_before_anything_is_asked(said, words, line):
    status, told = said(*TRAIN, "strategy=fl_mr", *words)
    assert status == 2
    assert line in told


@pytest.mark.parametrize("folder", ["nowhere", "new", "new/sites/ixi", "new/README.md"])
def test_a_folder_that_is_no_coordinators_is_named(said, folder):
    status, told = said(*TRAIN, "strategy=fl_mr", f"engine.federation={folder}")
    assert status == 1
    assert told.endswith(
        f"{folder}/coordinator.yaml: isn't there; name a folder that `flmrcm deploy` made."
    )


def test_a_coordinator_that_does_not_run_is_told_with_what_starts_it(said, port):
    assert said(*TRAIN, "strategy=fl_mr") == (
        1,
        f"127.0.0.1:{port}: no coordinator answers (Connection refused); start it with "
        "coordinator/start.sh.",
    )


def test_an_expired_certificate_is_told_with_its_date(said, monkeypatch):
    Path("new/coordinator/ca.crt").write_bytes(expired(monkeypatch).authority)
    status, told = said(*TRAIN, "strategy=fl_mr")
    assert status == 1
    assert "coordinator/ca.crt: expired on " in told
    assert "flmrcm deploy flower" in told


def test_a_foreign_coordinator_is_told_apart_from_none(said, port, tmp_path):
    foreign = written(tmp_path / "foreign", make_certificates(["127.0.0.1"], 30))
    with answering(foreign, port):
        status, told = said(*TRAIN, "strategy=fl_mr")
    assert status == 1
    assert f"127.0.0.1:{port}: its certificate isn't signed by" in told


def test_sites_that_the_coordinator_does_not_know_are_named(said, monkeypatch):
    known = {name: ["key", count] for count, name in enumerate(("brats", "fastmri", "hpks"))}
    Path("new/coordinator/nodes.json").write_text(json.dumps(known))
    Path("new/coordinator/state.db").touch()
    monkeypatch.setattr("flmrcm.remote.provision.probe.probe_coordinator", lambda *_: None)
    assert said(*TRAIN, "strategy=fl_mr") == (
        1,
        "sites.ixi: the coordinator knows none of that name, but brats, fastmri, hpks.",
    )


def test_without_the_extra_train_names_it(said, monkeypatch):
    monkeypatch.setattr(engine, "find_spec", lambda _: None)
    assert said(*TRAIN, "strategy=fl_mr") == (
        2,
        "config: engine=flower: isn't installed; pip install 'flmrcm[flower]'.",
    )


@pytest.mark.skipif(find_spec("flwr") is not None, reason="Flower is installed here")
def test_without_flower_start_scripts_and_up_name_the_extra_too(said, monkeypatch):
    monkeypatch.undo()
    monkeypatch.chdir(Path.cwd())
    needs = r"isn't installed; pip install 'flmrcm\[flower\]' -c constraints-deployment\.txt"
    with pytest.raises(FlmrcmError, match=f"flower-superlink: {needs}"):
        serve_coordinator(Path("new/coordinator"))
    with pytest.raises(FlmrcmError, match=f"flower-supernode: {needs}"):
        serve_site(Path("new/sites/ixi"))


def test_a_taken_port_stops_the_start_scripts_and_up(said, port):
    why = "can't be listened on (Address already in use); end what uses it, or take another port."
    with taken(port):
        assert said("up", "flower", "sites=bfhi", "output=new") == (1, f"port {port}: {why}")
        with pytest.raises(FlmrcmError, match=f"port {port}: can't be listened on"):
            serve_coordinator(Path("new/coordinator"))
    with taken(9094), pytest.raises(FlmrcmError, match="port 9094: can't be listened on"):
        serve_site(Path("new/sites/brats"))


def test_an_expired_coordinator_does_not_start(monkeypatch):
    identity = expired(monkeypatch)
    Path("new/coordinator/ca.crt").write_bytes(identity.authority)
    Path("new/coordinator/server.crt").write_bytes(identity.certificate)
    with pytest.raises(FlmrcmError, match=r"server\.crt: expired on"):
        serve_coordinator(Path("new/coordinator"))


def test_a_site_without_its_key_does_not_start():
    Path("new/sites/ixi/node.key").unlink()
    with pytest.raises(FlmrcmError, match=r"node\.key: isn't there; it comes with the deployment"):
        serve_site(Path("new/sites/ixi"))


def test_up_twice_says_how_to_end_the_first(said, monkeypatch):
    monkeypatch.setattr(try_out, "list_running", lambda _: {"coordinator": 1})
    status, told = said("up", "flower", "sites=bfhi", "output=new")
    assert (status, "new: runs already; `flmrcm down " in told) == (1, True)


def test_nothing_is_overwritten_by_a_second_deployment(said):
    key = Path("new/sites/ixi/node.key").read_bytes()
    assert said("deploy", "flower", "sites=bfhi", "output=new") == (
        1,
        "new: isn't empty, and keys are never overwritten; name another.",
    )
    assert Path("new/sites/ixi/node.key").read_bytes() == key


def test_down_says_where_there_is_nothing_to_end(said, capsys):
    status, told = said("down", "nowhere")
    assert (status, "nowhere: holds no deployment" in told) == (1, True)
    assert said("down", "new", "old") == (1, "down: takes one folder; got new old.")
    main(["down", "new"])
    assert capsys.readouterr().out.endswith("new: nothing of it runs.\n")
