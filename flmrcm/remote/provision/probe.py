"""Whether a coordinator answers at an address, and whether it can be trusted."""

import re
import socket
import ssl
from pathlib import Path

from flmrcm.errors import FlmrcmError
from flmrcm.remote.provision.certificates import check_date, read_certificate

_PATIENCE = 10.0  # seconds


class NoCoordinator(FlmrcmError):
    """Nothing answers at the address; a coordinator may still be starting."""


def probe_coordinator(address: str, authority: Path) -> None:
    """Connect to a coordinator over TLS, and disconnect.

    Args:
        address: host:port.
        authority: the file of the certificate that must have signed the coordinator's.

    Raises:
        NoCoordinator: nothing answers.
        FlmrcmError: another program answers, or a certificate has expired.
    """
    check_date(read_certificate(authority), authority)
    host, _, port = address.rpartition(":")
    context = ssl.create_default_context(cafile=str(authority))
    try:
        with (
            socket.create_connection((host, int(port)), timeout=_PATIENCE) as plain,
            context.wrap_socket(plain, server_hostname=host),
        ):
            pass
    except ssl.SSLCertVerificationError as error:
        raise FlmrcmError(f"{address}: {_explain(error, authority)}") from None
    except ssl.SSLEOFError:  # it is just starting, or ending
        raise _report_none(address, "it hangs up") from None
    except ssl.SSLError:
        raise FlmrcmError(f"{address}: the program that answers there doesn't speak TLS.") from None
    except TimeoutError:
        raise _report_none(address, f"nothing within {_PATIENCE:g} s") from None
    except OSError as error:
        raise _report_none(address, error.strerror or str(error)) from None


def is_answering(address: str, authority: Path) -> bool:
    """Return whether a coordinator answers.

    Raises:
        FlmrcmError: another program answers, or a certificate cannot be trusted.
    """
    try:
        probe_coordinator(address, authority)
    except NoCoordinator:
        return False
    return True


def check_port_free(host: str, port: int) -> None:
    """Raise an error for a port that is taken.

    Raises:
        FlmrcmError: another program listens on it.
    """
    with socket.socket() as trial:
        # a port whose last connections are still closing is free enough
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except OSError as error:
            raise FlmrcmError(
                f"port {port}: can't be listened on ({error.strerror}); end what uses it, or take "
                "another port."
            ) from None


def _report_none(address: str, why: str) -> NoCoordinator:
    return NoCoordinator(
        f"{address}: no coordinator answers ({why}); start it with coordinator/start.sh."
    )


def _explain(error: ssl.SSLCertVerificationError, authority: Path) -> str:
    if "expired" in error.verify_message:
        return "its certificate has expired; the coordinator needs a new one (flmrcm deploy)."
    if "match" in error.verify_message:
        return f"its certificate is for another address ({error.verify_message})."
    if re.search("missing|key usage|identifier", error.verify_message, re.IGNORECASE):
        return (
            f"its certificate lacks a part that this Python asks for ({error.verify_message}); "
            "make new ones with `flmrcm deploy`, and give every site the new ca.crt."
        )
    return (
        f"its certificate isn't signed by {authority}: a foreign coordinator, or a ca.crt "
        "of another deployment."
    )
