"""Who doesn't belong is told so in one line at its own door; the others aren't hurt."""

from datetime import timedelta
from shutil import copytree

import pytest

pytest.importorskip("flwr", reason="Flower isn't installed: pip install 'flmrcm[flower]'")

from kits.real_federation import free_port, until

from flmrcm import __version__
from flmrcm.remote.provision import certificates
from flmrcm.remote.provision.certificates import make_certificates, make_key_pair

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

TURNED_AWAY = "the coordinator doesn't take its key (unknown, struck, or still in use); again in"


@pytest.fixture
def arrives(federation):
    """Starts a site like ixi, but for one of its files."""

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
    federation, arrives, monkeypatch
):
    arrives("stranger", "node.key", make_key_pair("stranger").private)
    arrives("foreigner", "ca.crt", make_certificates(["127.0.0.1"], 30).authority)
    arrives("sleeper", "ca.crt", old_authority(monkeypatch))
    assert federation.exit_code("foreigner", 60) == federation.exit_code("sleeper", 60) == 1
    assert "its certificate isn't signed by" in federation.heard("foreigner")
    assert "ca.crt: expired on" in federation.heard("sleeper")
    assert len(federation.heard("foreigner").splitlines()) == 1
    assert len(federation.heard("sleeper").splitlines()) == 1
    with federation.restarted("ixi", FLMRCM_PRETENDED="0.0.7"):
        run = federation.train("strategy=fl_mr", "rounds=1", "robust.quorum=3")
        assert run.ends()[0] == 0
    why = f"site ixi: it has flmrcm 0.0.7, the coordinator {__version__}; install the same"
    assert f"{why}. The run begins without it." in run.said
    assert run.absences() == {(0, "ixi", "failed")}
    assert f"site stranger: {TURNED_AWAY} 60 s" in federation.heard("stranger")
    federation.end("stranger")


def test_a_struck_key_is_turned_away_and_a_new_one_let_in(federation):
    registered = federation.coordinator / "sites" / "ixi.pub"
    registered.unlink()
    federation.end("coordinator")
    federation.start_coordinator()
    assert federation.train("strategy=fl_mr").ends() == (
        1,
        "sites.ixi: the coordinator knows none of that name, but brats, fastmri, hpks.",
    )
    until(lambda: TURNED_AWAY in federation.heard("ixi"), 180)
    pair = make_key_pair("ixi")
    registered.write_bytes(pair.public)
    federation.end("ixi")
    (federation.party("ixi") / "node.key").write_bytes(pair.private)
    federation.end("coordinator")
    federation.start_coordinator()
    federation.start("ixi")
    run = federation.train("strategy=fl_mr", "rounds=1")
    assert run.ends()[0] == 0
    assert run.absences() == set()
