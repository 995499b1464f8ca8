"""What a site's SuperNode starts for each message: the installed package, whatever app was sent.

Flower's coordinator sends an app, a bundle of code, with each run, and Flower's own
`flwr-clientapp` unpacks it and imports what it names. A site does not run code that it was sent: it
starts this module in its place, which takes the message as Flower does, leaves the bundle unread,
and has the installed package answer.
"""

from pathlib import Path
from typing import Any

_REPLACED = ("install_from_fab", "get_load_client_app_fn", "get_project_dir")
"""The functions of Flower's that would unpack, import and look into what was sent."""


def replace_loading(runtime: Any, app: Any) -> None:
    """Replace what Flower does with the bundle that it was sent.

    Args:
        runtime: Flower's module that takes a message and calls an app with it.
        app: of the installed package; called with the message.

    Raises:
        AttributeError: this version of Flower loads apps in another way; nothing is answered then.
    """
    for name in _REPLACED:
        getattr(runtime, name)
    runtime.install_from_fab = lambda *_, **__: None
    runtime.get_project_dir = lambda *_, **__: Path()
    runtime.get_load_client_app_fn = lambda *_, **__: lambda *_: app


def main() -> None:
    """Answer one message, as Flower's program does."""
    from flwr.supernode.cli.flwr_clientapp import flwr_clientapp
    from flwr.supernode.runtime import run_clientapp

    from flmrcm.remote.flower.app.site import app

    replace_loading(run_clientapp, app)
    flwr_clientapp()


if __name__ == "__main__":
    main()
