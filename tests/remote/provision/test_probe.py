"""Checks before a start: whether the coordinator answers, can be trusted, and the port is free."""

import socket
import ssl
from threading import Thread

import pytest
from cryptography import x509
from kits.tls import answering, written

from flmrcm.errors import FlmrcmError
from flmrcm.remote.provision import certificates
from flmrcm.remote.provision.certificates import make_certificates
from flmrcm.remote.provision.probe import NoCoordinator, check_port_free, probe_coordinator


@pytest.fixture
def own(tmp_path):
    return written(tmp_path / "own", make_certificates(["localhost", "127.0.0.1"], 30))


def test_a_coordinator_of_the_same_deployment_is_accepted(own):
    with answering(own) as port:
        probe_coordinator(f"127.0.0.1:{port}", own / "authority")


def test_a_foreign_coordinator_is_refused(own, tmp_path):
    other = written(tmp_path / "other", make_certificates(["127.0.0.1"], 30))
    with answering(other) as port, pytest.raises(FlmrcmError, match=r"isn't signed by .*authority"):
        probe_coordinator(f"127.0.0.1:{port}", own / "authority")


@pytest.fixture
def strict(monkeypatch):
    """Check certificates as Python 3.13 does, whatever this Python's defaults are."""
    relaxed = ssl.create_default_context

    def create(**options):
        context = relaxed(**options)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    monkeypatch.setattr(ssl, "create_default_context", create)


def test_strict_checks_accept_a_deployments_certificates(own, strict):
    with answering(own) as port:
        probe_coordinator(f"127.0.0.1:{port}", own / "authority")


def test_a_certificate_without_what_strict_checks_ask_for_is_named(tmp_path, strict, monkeypatch):
    plain = x509.CertificateBuilder.add_extension

    def without_uses(builder, extension, critical):
        kept = isinstance(extension, x509.BasicConstraints | x509.SubjectAlternativeName)
        return plain(builder, extension, critical) if kept else builder

    monkeypatch.setattr(x509.CertificateBuilder, "add_extension", without_uses)
    old = written(tmp_path / "old", make_certificates(["127.0.0.1"], 30))
    with answering(old) as port, pytest.raises(FlmrcmError, match="lacks a part that this Python"):
        probe_coordinator(f"127.0.0.1:{port}", old / "authority")


def test_an_expired_coordinator_is_refused(own, tmp_path, monkeypatch):
    then = certificates._now() - certificates.timedelta(days=90)
    with monkeypatch.context() as past:
        past.setattr(certificates, "_now", lambda: then)
        old = written(tmp_path / "old", make_certificates(["127.0.0.1"], 30))
    monkeypatch.setattr("flmrcm.remote.provision.probe.check_date", lambda *_: None)
    with answering(old) as port, pytest.raises(FlmrcmError, match="expired"):
        probe_coordinator(f"127.0.0.1:{port}", old / "authority")


def test_a_certificate_for_another_address_is_refused(tmp_path):
    elsewhere = written(tmp_path / "elsewhere", make_certificates(["10.0.0.7"], 30))
    with answering(elsewhere) as port, pytest.raises(FlmrcmError, match="for another address"):
        probe_coordinator(f"127.0.0.1:{port}", elsewhere / "authority")


def test_a_program_without_tls_is_refused(own):
    with answering() as port, pytest.raises(FlmrcmError, match="doesn't speak TLS"):
        probe_coordinator(f"127.0.0.1:{port}", own / "authority")


def test_no_coordinator_is_reported_at_once(own):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(NoCoordinator, match=f"127.0.0.1:{port}: no coordinator answers"):
        probe_coordinator(f"127.0.0.1:{port}", own / "authority")


def test_a_closed_connection_counts_as_no_coordinator_yet(own):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up():
            caller, _ = server.accept()
            caller.recv(1000)
            caller.close()

        thread = Thread(target=hang_up)
        thread.start()
        with pytest.raises(NoCoordinator, match="no coordinator answers"):
            probe_coordinator(f"127.0.0.1:{server.getsockname()[1]}", own / "authority")
        thread.join()


def test_a_taken_port_is_named():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(FlmrcmError, match=f"port {port}: can't be listened on"):
            check_port_free("127.0.0.1", port)
    check_port_free("127.0.0.1", port)
