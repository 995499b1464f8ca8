"""A fault in one table or one figure costs that table or figure, never the whole report."""

import logging
from collections.abc import Callable
from typing import TypeVar

from flmrcm.errors import FlmrcmError

log = logging.getLogger(__name__)

Part = TypeVar("Part")


def attempt(make: Callable[[], Part], explain: Callable[[str], Part]) -> Part:
    """Return a part of a report; where making it fails, what stands in its place.

    Args:
        make: returns the part.
        explain: returns what stands in its place; takes the error in one line, without a full stop.
    """
    try:
        return make()
    except Exception as error:
        # whoever looks for the fault needs the traceback; who reads the report doesn't
        log.debug("a part of the report failed", exc_info=error)
        return explain(describe_error(error))


def describe_error(error: Exception) -> str:
    """Return an error in one line without a full stop, its kind first unless it's one of ours."""
    first = str(error).strip().partition("\n")[0].rstrip(".")
    kind = "" if isinstance(error, FlmrcmError) else type(error).__name__
    return ": ".join(filter(None, [kind, first]))
