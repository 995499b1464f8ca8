"""Every process of a real federation imports this first, in tests only.

It notes look-ups of names outside this machine, keeps a site in its training while a file exists,
and pretends that the package has another version.
"""

import importlib.metadata
import importlib.util
import os
import socket
import sys
import time
from pathlib import Path

_LOCAL = (None, "", "localhost", "127.0.0.1", "::1", "0.0.0.0", "::")
_look_up, _version = socket.getaddrinfo, importlib.metadata.version


def getaddrinfo(host, *rest, **more):
    """Note foreign names and raise an error for them."""
    name = host.decode() if isinstance(host, bytes) else host
    if name not in _LOCAL:
        with Path(os.environ["FLMRCM_LOOKED_UP"]).open("a") as file:
            file.write(f"{name}\n")
        raise OSError(f"{name}: looked up outside this machine")
    return _look_up(host, *rest, **more)


def version(name):
    """Return the pretended version where there is one, else the installed one."""
    pretended = os.environ.get("FLMRCM_PRETENDED")
    return pretended if pretended and name == "flmrcm" else _version(name)


class Held:
    """Waits in `Client._train` while a file of the site's name holds the round's number."""

    def find_spec(self, name, path=None, target=None):
        """Change one module when it is loaded; a process that never trains never loads it."""
        if name != "flmrcm.federation.client":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        load = spec.loader.exec_module

        def loaded(module):
            load(module)
            module.Client._train = held(module.Client._train)

        spec.loader.exec_module = loaded
        return spec


def held(train):
    """Return a training that first waits, and touches a file meanwhile."""

    def wait_and_train(client, message, *rest):
        order = Path(os.environ["FLMRCM_HELD"]) / client.site.name
        while order.exists() and order.read_text() == str(message.round):
            order.with_suffix(".waits").touch()
            time.sleep(0.1)
        return train(client, message, *rest)

    return wait_and_train


socket.getaddrinfo, importlib.metadata.version = getaddrinfo, version
if "FLMRCM_HELD" in os.environ:
    sys.meta_path.insert(0, Held())
