"""What takes long says so."""

import logging

import pytest

from flmrcm.logs import track_progress


def test_every_item_comes_through_the_progress_bar(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert list(track_progress([1, 2, 3], "sim")) == [1, 2, 3]
    assert "making sim: 3 volumes" in caplog.text
