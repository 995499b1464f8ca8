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

from flmrcm.deployment.flower_home import RESIDENT
from flmrcm.errors import FlmrcmError

log = logging.getLogger(__name__)


def answer_at(house: Path, record: RecordDict, config: Mapping[str, Any]) -> RecordDict:
    """Gives the site's answer: the resident's, or one that's made here.

    Args:
        house: the site's YAML file.
        record: the call.
        config: as it travelled.
    """
    try:
        place = json.loads((house.parent / RESIDENT).read_text())
        with Caller(place["address"], "AF_UNIX", bytes.fromhex(place["key"])) as door:
            door.send((record, config))
            return door.recv()
    except (OSError, EOFError, AuthenticationError):
        return maker_at(house)(record, config)


def maker_at(house: Path) -> Any:
    """Gives the function that answers for a house; it loads PyTorch."""
    from flmrcm.assembly.house import read_house
    from flmrcm.engines.flower_messages import letter_of, record_of
    from flmrcm.engines.letters import answer_letter, read_call
    from flmrcm.logs import log_to_terminal
    from flmrcm.runs.at_site import Host

    log_to_terminal()
    host = Host(read_house(house))

    def answer(record: RecordDict, config: Mapping[str, Any]) -> RecordDict:
        given = host.answered(*read_call(letter_of(record)), config)
        return record_of(answer_letter(given.reply, given.kept, given.facts))

    return answer


def serve(house: Path) -> None:
    """Answers one caller after the other until the process is ended."""
    answer, key = maker_at(house), token_hex(32)
    with (
        TemporaryDirectory(prefix="flmrcm") as folder,  # a socket's path has to be short
        Listener(f"{folder}/door", "AF_UNIX", authkey=bytes.fromhex(key)) as listener,
    ):
        _put(house.parent / RESIDENT, {"address": f"{folder}/door", "key": key})
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


def _put(path: Path, content: Mapping[str, str]) -> None:
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        json.dump(content, file)
    new.replace(path)


if __name__ == "__main__":
    try:
        serve(Path(sys.argv[1]))
    except FlmrcmError as error:
        sys.exit(str(error))
