"""Is there a coordinator at an address, and is it the one we trust?"""

import socket
import ssl
from pathlib import Path

from flmrcm.errors import FlmrcmError
from flmrcm.remote.provision.certificates import check_date, read_certificate

_PATIENCE = 10.0  # seconds


class NoCoordinator(FlmrcmError):
    """Nothing answers at the address; it may yet."""


def probe_coordinator(address: str, authority: Path) -> None:
    """Shakes hands with a coordinator and hangs up.

    Args:
        address: host:port.
        authority: the certificate file that the coordinator's has to be signed by.

    Raises:
        NobodyThere: nothing answers.
        FlmrcmError: somebody else answers, or its certificate or ours has expired.
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
    except ssl.SSLEOFError:  # as one does that's just starting, or ending
        raise _report_nobody(address, "it hangs up") from None
    except ssl.SSLError:
        raise FlmrcmError(f"{address}: whoever answers there doesn't speak TLS.") from None
    except TimeoutError:
        raise _report_nobody(address, f"nothing within {_PATIENCE:g} s") from None
    except OSError as error:
        raise _report_nobody(address, error.strerror or str(error)) from None


def is_answering(address: str, authority: Path) -> bool:
    """Tells whether a coordinator answers.

    Raises:
        FlmrcmError: a wrong one does.
    """
    try:
        probe_coordinator(address, authority)
    except NoCoordinator:
        return False
    return True


def check_port_free(host: str, port: int) -> None:
    """Refuses a port that somebody listens on.

    Raises:
        FlmrcmError: it's taken.
    """
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except OSError as error:
            raise FlmrcmError(
                f"port {port}: can't be listened on ({error.strerror}); end what uses it, or take "
                "another port."
            ) from None


def _report_nobody(address: str, why: str) -> NoCoordinator:
    return NoCoordinator(
        f"{address}: no coordinator answers ({why}); start it with coordinator/start.sh."
    )


def _explain(error: ssl.SSLCertVerificationError, authority: Path) -> str:
    if "expired" in error.verify_message:
        return "its certificate has expired; the coordinator needs a new one (flmrcm deploy)."
    if "match" in error.verify_message:
        return f"its certificate is for another address ({error.verify_message})."
    return (
        f"its certificate isn't signed by {authority}: a foreign coordinator, or a ca.crt "
        "of another deployment."
    )
