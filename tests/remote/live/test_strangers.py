"""A site that may not take part gets one line at its own side; the others lose nothing."""

from datetime import timedelta
from shutil import copytree

import pytest

pytest.importorskip("flwr", reason="Flower isn't installed: pip install 'flmrcm[flower]'")

from kits.real_federation import free_port, until

from flmrcm import __version__
from flmrcm.remote.provision import certificates
from flmrcm.remote.provision.certificates import make_certificates, make_key_pair

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

REFUSED = "the coordinator doesn't take its key (unknown, struck, or still in use); again in"


@pytest.fixture
def start_copy(federation):
    """Start a site like ixi, but for one of its files."""

    def start(name, file, content):
        copytree(federation.party("ixi"), own := federation.party(name))
        (own / file).write_bytes(content)
        text = (own / "site.yaml").read_text().replace("site: ixi", f"site: {name}")
        kept = [line for line in text.splitlines() if not line.startswith("port:")]
        (own / "site.yaml").write_text("\n".join([*kept, f"port: {free_port()}"]))
        federation.start(name)

    return start


def old_authority(monkeypatch):
    then = certificates._now() - timedelta(days=90)
    with monkeypatch.context() as past:
        past.setattr(certificates, "_now", lambda: then)
        return make_certificates(["127.0.0.1"], 30).authority


def test_no_key_a_foreign_certificate_an_old_one_and_another_version(
    federation, start_copy, monkeypatch
):
    start_copy("unknown_key", "node.key", make_key_pair("unknown_key").private)
    start_copy("foreign_authority", "ca.crt", make_certificates(["127.0.0.1"], 30).authority)
    start_copy("old_authority_site", "ca.crt", old_authority(monkeypatch))
    assert (
        federation.exit_code("foreign_authority") == federation.exit_code("old_authority_site") == 1
    )
    assert "its certificate isn't signed by" in federation.read_output("foreign_authority")
    assert "ca.crt: expired on" in federation.read_output("old_authority_site")
    assert len(federation.read_output("foreign_authority").splitlines()) == 1
    assert len(federation.read_output("old_authority_site").splitlines()) == 1
    with federation.restarted("ixi", FLMRCM_PRETENDED="0.0.7"):
        run = federation.train("strategy=fl_mr", "rounds=1", "robust.quorum=3")
        assert run.ends()[0] == 0, run.output
    why = f"site ixi, round 0: it has flmrcm 0.0.7, the coordinator {__version__}; install the same"
    assert f"{why}. The run begins without it." in run.output
    assert run.absences() == {(0, "ixi", "failed")}
    assert f"site unknown_key: {REFUSED} 60 s" in federation.read_output("unknown_key")
    federation.end("unknown_key")


def test_an_unregistered_key_is_refused_and_a_new_one_accepted(federation):
    registered = federation.coordinator / "sites" / "ixi.pub"
    registered.unlink()
    federation.end("coordinator")
    federation.start_coordinator()
    assert federation.train("strategy=fl_mr").ends() == (
        1,
        "sites.ixi: the coordinator knows none of that name, but brats, fastmri, hpks.",
    )
    until(lambda: REFUSED in federation.read_output("ixi"))
    pair = make_key_pair("ixi")
    registered.write_bytes(pair.public)
    federation.end("ixi")
    (federation.party("ixi") / "node.key").write_bytes(pair.private)
    federation.end("coordinator")
    federation.start_coordinator()
    federation.start("ixi")
    run = federation.train("strategy=fl_mr", "rounds=1")
    assert run.ends()[0] == 0, run.output
    assert run.absences() == set()
