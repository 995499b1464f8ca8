"""What every process of a real federation imports first, in tests only.

It notes who asks for a name outside this machine, keeps a site in its training while a file lies
there, and passes the package off as another version.
"""

import importlib.metadata
import importlib.util
import os
import socket
import sys
import time
from pathlib import Path

_AT_HOME = (None, "", "localhost", "127.0.0.1", "::1", "0.0.0.0", "::")
_ask, _version = socket.getaddrinfo, importlib.metadata.version


def getaddrinfo(host, *rest, **more):
    """Refuses foreign names, and notes them."""
    name = host.decode() if isinstance(host, bytes) else host
    if name not in _AT_HOME:
        with Path(os.environ["FLMRCM_ASKED"]).open("a") as asked:
            asked.write(f"{name}\n")
        raise OSError(f"{name}: looked up outside this machine")
    return _ask(host, *rest, **more)


def version(name):
    """Gives the version that was asked for instead of the installed one."""
    pretended = os.environ.get("FLMRCM_PRETENDED")
    return pretended if pretended and name == "flmrcm" else _version(name)


class Held:
    """Waits in `Client.train` while a file of the site's name holds the round's number."""

    def find_spec(self, name, path=None, target=None):
        """Changes the one module as it's loaded; whoever never trains never loads it."""
        if name != "flmrcm.federation.client":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        load = spec.loader.exec_module

        def loaded(module):
            load(module)
            module.Client.train = held(module.Client.train)

        spec.loader.exec_module = loaded
        return spec


def held(train):
    """Gives a training that waits first, and says so in a file."""

    def waits(client, message, memory):
        order = Path(os.environ["FLMRCM_HELD"]) / client.site.name
        while order.exists() and order.read_text() == str(message.round):
            order.with_suffix(".waits").touch()
            time.sleep(0.1)
        return train(client, message, memory)

    return waits


socket.getaddrinfo, importlib.metadata.version = getaddrinfo, version
if "FLMRCM_HELD" in os.environ:
    sys.meta_path.insert(0, Held())
