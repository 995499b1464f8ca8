"""An error in one table or one figure costs that table or figure, never the whole report."""

import logging
from collections.abc import Callable
from typing import TypeVar

from flmrcm.errors import FlmrcmError

log = logging.getLogger(__name__)

Part = TypeVar("Part")


def attempt(make: Callable[[], Part], explain: Callable[[str], Part]) -> Part:
    """Return a part of a report, or what is shown instead of it where making it fails.

    Args:
        make: returns the part.
        explain: takes the error in one line, without a full stop; returns what is shown instead.
    """
    try:
        return make()
    except Exception as error:
        # a developer needs the traceback, a reader of the report doesn't
        log.debug("a part of the report failed", exc_info=error)
        return explain(describe_error(error))


def describe_error(error: Exception) -> str:
    """Return an error in one line without a full stop; first its class, unless it's our own."""
    first = str(error).strip().partition("\n")[0].rstrip(".")
    kind = "" if isinstance(error, FlmrcmError) else type(error).__name__
    return ": ".join(filter(None, [kind, first]))
