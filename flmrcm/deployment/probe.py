"""Is there a coordinator at an address, and is it the one we trust?"""

import socket
import ssl
from pathlib import Path

from flmrcm.deployment.certificates import check_date, read_certificate
from flmrcm.errors import FlmrcmError

_PATIENCE = 10.0  # seconds


class NobodyThere(FlmrcmError):
    """Nothing answers at the address; it may yet."""


def probe(address: str, authority: Path) -> None:
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
        raise FlmrcmError(f"{address}: {_why(error, authority)}") from None
    except ssl.SSLEOFError:  # as one does that's just starting, or ending
        raise _nobody(address, "it hangs up") from None
    except ssl.SSLError:
        raise FlmrcmError(f"{address}: whoever answers there doesn't speak TLS.") from None
    except TimeoutError:
        raise _nobody(address, f"nothing within {_PATIENCE:g} s") from None
    except OSError as error:
        raise _nobody(address, error.strerror or str(error)) from None


def answers(address: str, authority: Path) -> bool:
    """Tells whether a coordinator answers.

    Raises:
        FlmrcmError: a wrong one does.
    """
    try:
        probe(address, authority)
    except NobodyThere:
        return False
    return True


def check_free(host: str, port: int) -> None:
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


def _nobody(address: str, why: str) -> NobodyThere:
    return NobodyThere(
        f"{address}: no coordinator answers ({why}); start it with coordinator/start.sh."
    )


def _why(error: ssl.SSLCertVerificationError, authority: Path) -> str:
    if "expired" in error.verify_message:
        return "its certificate has expired; the coordinator needs a new one (flmrcm deploy)."
    if "match" in error.verify_message:
        return f"its certificate is for another address ({error.verify_message})."
    return (
        f"its certificate isn't signed by {authority}: a foreign coordinator, or a ca.crt "
        "of another deployment."
    )
