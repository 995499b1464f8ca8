import logging

import pytest

from flmrcm.federation.journal import Tracker
from flmrcm.tracking.run_info import build_key
from flmrcm.tracking.scalars import Scalars
from flmrcm.tracking.window import Window

FEW = Scalars("few", ["brats", "ixi"], "hpks", {"psnr": True})


class Recorder:
    """A tracker that keeps what it's given, and fails where it's asked to."""

    def __init__(self, fails_in: str = "", error: BaseException | None = None) -> None:
        self.fails_in, self.error = fails_in, error or OSError("no room\nat all")
        self.calls: list[tuple] = []

    def _call(self, name, *given):
        self.calls.append((name, *given))
        if name == self.fails_in:
            raise self.error

    def start(self, rows):
        self._call("start", rows)

    def log(self, rows):
        self._call("log", rows)

    def close(self, rows, panels):
        self._call("close", rows, panels)


def show(window, rounds, history, panels):
    window.start([])
    for rows in rounds:
        window.log(rows)
    window.close(history, panels)


def test_a_tracker_sees_the_chosen_rows_and_at_the_end_all(rounds, history, panels):
    recorder = Recorder()
    show(Window("logger.x", recorder, FEW), rounds, history, panels)
    assert [name for name, *_ in recorder.calls] == ["start", "log", "log", "log", "close"]
    assert [call[1] for call in recorder.calls[1:4]] == [FEW.select(rows) for rows in rounds]
    assert recorder.calls[-1] == ("close", history, panels)
    assert "val/psnr_mean" in {build_key(row) for row in recorder.calls[1][1]}


@pytest.mark.parametrize("call", ["start", "log", "close"])
def test_a_failure_costs_one_warning_line_and_nothing_else(call, rounds, history, panels, caplog):
    recorder = Recorder(call)
    with caplog.at_level(logging.WARNING):
        show(Window("logger.x", recorder, FEW), rounds, history, panels)
    (record,) = caplog.records
    assert record.getMessage().startswith("logger.x: no room. The run goes on")
    assert [name for name, *_ in recorder.calls].count(call) == 1
    assert recorder.calls[-1][0] == call, "what failed is left alone"


def test_whoever_stops_the_run_stops_it(rounds, history, panels):
    window = Window("logger.x", Recorder("log", KeyboardInterrupt()), FEW)
    with pytest.raises(KeyboardInterrupt):
        show(window, rounds, history, panels)


def test_it_is_a_tracker_itself():
    assert isinstance(Window("logger.x", Recorder(), FEW), Tracker)
