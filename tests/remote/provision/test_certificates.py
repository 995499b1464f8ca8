"""Certificates of one deployment fit together; any other is refused with a reason."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.serialization import (
    load_ssh_private_key,
    load_ssh_public_key,
)

from flmrcm.errors import FlmrcmError
from flmrcm.remote.provision import certificates
from flmrcm.remote.provision.certificates import (
    check_certificate,
    make_certificates,
    make_key_pair,
    read_certificate,
)


@pytest.fixture
def made(tmp_path):
    """Write an identity's two certificates and gives their paths."""

    def write(name, identity):
        paths = tmp_path / f"{name}.crt", tmp_path / f"{name}.ca"
        for path, content in zip(paths, (identity.certificate, identity.authority), strict=True):
            path.write_bytes(content)
        return paths

    return write


def set_clock(monkeypatch, days):
    now = datetime.now(UTC) + timedelta(days=days)
    monkeypatch.setattr(certificates, "_now", lambda: now)


def test_certificates_of_one_deployment_fit_until_the_last_day(made, monkeypatch):
    own = made("own", make_certificates(["localhost"], 30))
    check_certificate(*own)
    set_clock(monkeypatch, 29.9)
    check_certificate(*own)


@pytest.mark.parametrize(("days", "line"), [(30.1, "expired on"), (-1, "is the clock right?")])
def test_outside_its_dates_a_certificate_is_refused(made, monkeypatch, days, line):
    own = made("own", make_certificates(["localhost"], 30))
    set_clock(monkeypatch, days)
    with pytest.raises(FlmrcmError, match=line):
        check_certificate(*own)


def test_a_foreign_authority_is_refused(made):
    own, other = (made(name, make_certificates(["localhost"], 30)) for name in ("own", "other"))
    with pytest.raises(FlmrcmError, match=r"own\.crt: not signed by .*other\.ca"):
        check_certificate(own[0], other[1])


def test_names_and_addresses_are_both_in_the_certificate(made):
    path, _ = made("own", make_certificates(["hospital.example", "10.0.0.7"], 30))
    names = read_certificate(path).extensions.get_extension_for_class(
        certificates.x509.SubjectAlternativeName
    )
    assert [str(name.value) for name in names.value] == ["hospital.example", "10.0.0.7"]


def test_a_key_pair_belongs_together_and_names_its_site():
    pair = make_key_pair("north")
    private = load_ssh_private_key(pair.private, None)
    public = load_ssh_public_key(pair.public)
    assert private.public_key() == public
    assert public.curve.name == "secp384r1"
    assert pair.public.endswith(b" north\n")


def test_a_file_without_certificate_is_named(tmp_path):
    with pytest.raises(FlmrcmError, match="isn't there; it comes with the deployment"):
        read_certificate(tmp_path / "none.crt")
    (tmp_path / "odd.crt").write_text("odd")
    with pytest.raises(FlmrcmError, match="holds no certificate"):
        read_certificate(tmp_path / "odd.crt")
