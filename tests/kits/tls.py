"""Somebody who answers at a port, with a deployment's certificates or without any."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from flmrcm.remote.provision.certificates import CoordinatorIdentity


def written(folder: Path, identity: CoordinatorIdentity) -> Path:
    """Write an identity's files into a new folder and return the folder."""
    folder.mkdir()
    for name in ("authority", "certificate", "key"):
        (folder / name).write_bytes(getattr(identity, name))
    return folder


@contextmanager
def answering(identity: Path | None = None, port: int = 0) -> Iterator[int]:
    """Takes one caller at a port (a free one), with TLS or with another protocol's words."""
    with socket.create_server(("127.0.0.1", port)) as server:

        def answer() -> None:
            caller, _ = server.accept()
            with caller:
                if identity is None:
                    caller.sendall(b"220 a mail server\r\n")
                    return
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(identity / "certificate", identity / "key")
                try:
                    with context.wrap_socket(caller, server_side=True) as secured:
                        secured.recv(1)
                except OSError:
                    pass  # the caller hung up, as it should where it doesn't trust us

        thread = Thread(target=answer)
        thread.start()
        yield server.getsockname()[1]
        thread.join()
