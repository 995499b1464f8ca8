"""A site's resident process: what every message would have to load anew stays loaded.

Flower starts a process for each message. That process hands the message over and waits; where no
resident runs, it does the work itself, from the same files, with the same result.
"""

import json
import logging
import os
import sys
from collections.abc import Mapping
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client as Caller
from multiprocessing.connection import Listener
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from typing import Any

from flwr.app import RecordDict

from flmrcm.errors import FlmrcmError
from flmrcm.remote.flower.command_line import DAEMON

log = logging.getLogger(__name__)


def answer_message(house: Path, record: RecordDict, config: Mapping[str, Any]) -> RecordDict:
    """Gives the site's answer: the resident's, or one that's made here.

    Args:
        house: the site's YAML file.
        record: the call.
        config: as it travelled.
    """
    try:
        place = json.loads((house.parent / DAEMON).read_text())
        with Caller(place["address"], "AF_UNIX", bytes.fromhex(place["key"])) as door:
            door.send((record, config))
            return door.recv()
    except (OSError, EOFError, AuthenticationError):
        return build_handler(house)(record, config)


def build_handler(house: Path) -> Any:
    """Gives the function that answers for a house; it loads PyTorch."""
    from flmrcm.logs import log_to_terminal
    from flmrcm.remote.codec import decode_call, encode_response
    from flmrcm.remote.flower.codec import decode_record, encode_record
    from flmrcm.remote.site_server import SiteServer
    from flmrcm.remote.site_settings import read_site_settings

    log_to_terminal()
    host = SiteServer(read_site_settings(house))

    def answer(record: RecordDict, config: Mapping[str, Any]) -> RecordDict:
        given = host.handle(*decode_call(decode_record(record)), config)
        return encode_record(encode_response(given))

    return answer


def serve_forever(house: Path) -> None:
    """Answers one caller after the other until the process is ended."""
    answer, key = build_handler(house), token_hex(32)
    with (
        TemporaryDirectory(prefix="flmrcm") as folder,  # a socket's path has to be short
        Listener(f"{folder}/door", "AF_UNIX", authkey=bytes.fromhex(key)) as listener,
    ):
        _write_address(house.parent / DAEMON, {"address": f"{folder}/door", "key": key})
        while True:
            try:
                with listener.accept() as caller:
                    _serve_one(caller, answer)
            except (OSError, EOFError, AuthenticationError):
                continue  # whoever called is gone; its answer was as good as not given
            except Exception:
                log.exception("a call failed; the caller tries it by itself")


def _serve_one(caller: Any, answer: Any) -> None:
    record, config = caller.recv()
    caller.send(answer(record, config))


def _write_address(path: Path, content: Mapping[str, str]) -> None:
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        json.dump(content, file)
    new.replace(path)


if __name__ == "__main__":
    try:
        serve_forever(Path(sys.argv[1]))
    except FlmrcmError as error:
        sys.exit(str(error))
