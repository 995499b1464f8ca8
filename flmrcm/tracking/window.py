"""What stands between a run and its loggers: a choice of numbers, and a net."""

import logging
from collections.abc import Callable, Mapping, Sequence

from flmrcm.federation.journal import Panel, Tracker
from flmrcm.tracking.scalars import Scalars
from flmrcm.types import Measurement

log = logging.getLogger(__name__)


class Window:
    """A tracker that is shown the chosen numbers, and that can't end a run.

    After its first failure, a warning line, it is left alone: the journal has every number.

    Args:
        key: where the tracker stands in the config; named in the warning.
        tracker: gets the chosen rows by `start` and `log`, and the whole journal by `close`.
        scalars: chooses.
    """

    def __init__(self, key: str, tracker: Tracker, scalars: Scalars) -> None:
        self.key, self.tracker, self.scalars = key, tracker, scalars
        self._failed = False

    def start(self, rows: Sequence[Measurement]) -> None:
        """Start from the chosen ones of the rows that the journal already holds."""
        self._try(lambda: self.tracker.start(self.scalars.select(rows)))

    def log(self, rows: Sequence[Measurement]) -> None:
        """Show the chosen ones of a round's rows."""
        self._try(lambda: self.tracker.log(self.scalars.select(rows)))

    def close(self, rows: Sequence[Measurement], panels: Mapping[str, Panel]) -> None:
        """End with a summary of the whole journal and the panels."""
        self._try(lambda: self.tracker.close(rows, panels))

    def _try(self, show: Callable[[], None]) -> None:
        if self._failed:
            return
        try:
            show()
        except Exception as error:  # whatever a logger stumbles over, it isn't worth a run
            self._failed = True
            reason = (str(error) or type(error).__name__).partition("\n")[0].rstrip(".")
            log.warning(
                "%s: %s. The run goes on without it; journal.csv has every number.",
                self.key,
                reason,
            )
            log.debug("%s failed", self.key, exc_info=True)
