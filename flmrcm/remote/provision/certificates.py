"""The coordinator's certificate and the sites' keys: small, standard, checked before use."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID

from flmrcm.errors import FlmrcmError

_EARLY = timedelta(minutes=10)
"""Clocks differ: a certificate is valid from a little before it was made."""


class CoordinatorIdentity(NamedTuple):
    """A coordinator's identity, PEM.

    Attributes:
        authority: the certificate that sites trust; its key is deleted once it has signed.
        certificate: the coordinator's, signed by the authority.
        key: the coordinator's private key.
    """

    authority: bytes
    certificate: bytes
    key: bytes


class KeyPair(NamedTuple):
    """A site's identity, OpenSSH format.

    Attributes:
        private: stays at the site.
        public: is registered at the coordinator.
    """

    private: bytes
    public: bytes


def make_certificates(addresses: list[str], days: int) -> CoordinatorIdentity:
    """Return a new identity of a coordinator: P-384 keys, SHA-384 signatures.

    Args:
        addresses: names and IP addresses at which sites reach it.
        days: until it expires.
    """
    authority, server = (ec.generate_private_key(ec.SECP384R1()) for _ in range(2))
    issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "flmrcm federation")])
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, addresses[0])])
    root = (
        _start_certificate(issuer, issuer, authority.public_key(), days)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_allow_use(key_cert_sign=True, crl_sign=True), critical=True)
        .sign(authority, hashes.SHA384())
    )
    # clients compare these names; the common name is only for people
    names = x509.SubjectAlternativeName([_build_name(address) for address in addresses])
    leaf = (
        _start_certificate(subject, issuer, server.public_key(), days)
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_allow_use(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()),
            critical=False,
        )
        .sign(authority, hashes.SHA384())
    )
    pem = Encoding.PEM
    key = server.private_bytes(pem, PrivateFormat.PKCS8, NoEncryption())
    return CoordinatorIdentity(root.public_bytes(pem), leaf.public_bytes(pem), key)


def make_key_pair(site: str) -> KeyPair:
    """Return a new P-384 key pair of a site."""
    key = ec.generate_private_key(ec.SECP384R1())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return KeyPair(private, public + f" {site}\n".encode())


def check_certificate(certificate: Path, authority: Path) -> None:
    """Raise an error for a certificate that sites would refuse.

    Raises:
        FlmrcmError: expired, not yet valid, or not signed by the authority; one line.
    """
    leaf, root = read_certificate(certificate), read_certificate(authority)
    check_date(leaf, certificate)
    check_date(root, authority)
    try:
        leaf.verify_directly_issued_by(root)
    except (ValueError, TypeError, InvalidSignature):
        raise FlmrcmError(
            f"{certificate}: not signed by {authority}; both come from one `flmrcm deploy`."
        ) from None


def check_date(certificate: x509.Certificate, path: Path) -> None:
    """Raise an error for a certificate outside its dates.

    Raises:
        FlmrcmError: expired, or not yet valid; the date is named.
    """
    first, last, now = certificate.not_valid_before_utc, certificate.not_valid_after_utc, _now()
    if now > last:
        raise FlmrcmError(
            f"{path}: expired on {last:%Y-%m-%d}; make a new one with `flmrcm deploy flower`, and "
            "give every site the new ca.crt."
        )
    if now < first:
        raise FlmrcmError(f"{path}: valid from {first:%Y-%m-%d %H:%M} UTC; is the clock right?")


def read_certificate(path: Path) -> x509.Certificate:
    """Return the certificate in a file.

    Raises:
        FlmrcmError: there is no file, or no certificate in it.
    """
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except FileNotFoundError:
        raise FlmrcmError(f"{path}: isn't there; it comes with the deployment.") from None
    except ValueError:
        raise FlmrcmError(f"{path}: holds no certificate.") from None


def _start_certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_now() - _EARLY)
        .not_valid_after(_now() + timedelta(days=days))
        # which key is whose: the strict checks that Python 3.13 has on by default ask for it
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _allow_use(**uses: bool) -> x509.KeyUsage:
    """Return what a key may do: the uses named, and no other."""
    every = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
        "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**{use: uses.get(use, False) for use in every})


def _build_name(address: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(address))
    except ValueError:
        return x509.DNSName(address)


def _now() -> datetime:
    return datetime.now(UTC)
