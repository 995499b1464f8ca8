"""At a site: what Flower starts for each message, and the daemon that stays loaded between them.

Flower starts a process for each message. That process hands the message to the daemon and waits;
where no daemon runs, it does the work itself, from the same files, with the same result.
"""

import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Listener
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from typing import Any

from flwr.app import Context, Message, RecordDict
from flwr.clientapp import ClientApp

from flmrcm.errors import FlmrcmError
from flmrcm.remote.flower.command_line import DAEMON, SITE_FILE

log = logging.getLogger(__name__)

app = ClientApp()


@app.train()
@app.train("finetune")
@app.evaluate()
@app.evaluate("test")
@app.query("survey")
@app.query("agree")
@app.query("unmask")
@app.query("join")
def answer(message: Message, context: Context) -> Message:
    """Return the site's answer; this process lives for one message, and its errors stay here."""
    try:
        site_file = Path(str(context.node_config[SITE_FILE]))
        content = answer_message(site_file, message.content, str(context.run_config["config"]))
    except Exception:  # Flower would send an error's own text to the coordinator
        log.exception("a call failed")
        content = _report_failure()
    return Message(content, reply_to=message)


def answer_message(site_file: Path, record: RecordDict, config: str) -> RecordDict:
    """Return the site's answer: the daemon's, or one that is computed here.

    Args:
        site_file: the site's YAML file.
        record: the call.
        config: JSON, as it travelled.
    """
    try:
        place = json.loads((site_file.parent / DAEMON).read_text())
        with Client(place["address"], "AF_UNIX", bytes.fromhex(place["key"])) as daemon:
            daemon.send((record, config))
            return daemon.recv()
    except (OSError, EOFError, AuthenticationError):
        return build_handler(site_file)(record, config)


def build_handler(site_file: Path) -> Callable[[RecordDict, str], RecordDict]:
    """Return the function that answers for a site; it loads PyTorch."""
    # imported here: a process that only hands its message to the daemon must start fast
    from flmrcm.logs import log_to_terminal
    from flmrcm.remote.flower.connection import decode_record, encode_record
    from flmrcm.remote.heads import EnvelopeError
    from flmrcm.remote.site_server import SiteServer
    from flmrcm.remote.site_settings import read_site_settings

    log_to_terminal()
    server = SiteServer(read_site_settings(site_file))

    def handle(record: RecordDict, config: str) -> RecordDict:
        try:
            envelope = decode_record(record)
        except EnvelopeError as error:
            return encode_record(server.fail(error))
        return encode_record(server.answer(envelope, config))

    return handle


def _report_failure() -> RecordDict:
    from flmrcm.remote.codec import encode_response
    from flmrcm.remote.connection import Response
    from flmrcm.remote.flower.connection import encode_record
    from flmrcm.types import Reply

    return encode_record(encode_response(Response(Reply("", error="failed"))))


def serve_forever(site_file: Path) -> None:
    """Answer one caller after the other until the process is ended."""
    handle, key = build_handler(site_file), token_hex(32)
    with (
        TemporaryDirectory(prefix="flmrcm") as folder,  # a socket's path has to be short
        Listener(f"{folder}/socket", "AF_UNIX", authkey=bytes.fromhex(key)) as listener,
    ):
        _write_address(site_file.parent / DAEMON, {"address": f"{folder}/socket", "key": key})
        while True:
            try:
                with listener.accept() as caller:
                    _serve_one(caller, handle)
            except (OSError, EOFError, AuthenticationError):
                continue  # the caller has gone; Flower counts its message as failed
            except Exception:
                log.exception("a call failed; its caller does the work itself")


def _serve_one(caller: Any, handle: Any) -> None:
    record, config = caller.recv()
    caller.send(handle(record, config))


def _write_address(path: Path, content: Mapping[str, str]) -> None:
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    # readable by the site's user alone from the first moment: it holds the key
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        json.dump(content, file)
    new.replace(path)


if __name__ == "__main__":
    # an exception, so that the socket's folder is deleted
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    try:
        serve_forever(Path(sys.argv[1]))
    except FlmrcmError as error:
        sys.exit(str(error))
