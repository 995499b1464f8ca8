import re
from dataclasses import replace

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from flmrcm.tracking.run_info import build_key
from flmrcm.tracking.tensorboard import TensorBoard


def read(run) -> EventAccumulator:
    (folder,) = (run.folder / "tensorboard").iterdir()
    return EventAccumulator(str(folder)).Reload()


def test_every_row_is_a_scalar_at_its_round(run, rounds, history):
    tracker = TensorBoard(run)
    tracker.start([])
    for rows in rounds:
        tracker.log(rows)
    tracker.close(history, {})
    events = read(run)
    assert set(events.Tags()["scalars"]) == {build_key(row) for row in rounds[0]}
    psnr = events.Scalars("val/psnr/brats")
    assert [(event.step, event.value) for event in psnr] == [(0, 29.0), (1, 30.0), (2, 29.0)]


def test_a_round_can_be_seen_while_the_run_goes_on(run, rounds):
    tracker = TensorBoard(run)
    tracker.start([])
    tracker.log(rounds[0])
    assert len(read(run).Scalars("train/loss/ixi")) == 1
    tracker.close(rounds[0], {})


def test_a_resumed_run_shows_each_round_once(run, rounds, history):
    killed = TensorBoard(run)
    killed.start([])
    killed.log(rounds[0])
    killed.log(rounds[1])
    resumed = TensorBoard(run)
    resumed.start(rounds[0])
    resumed.log(rounds[1])
    resumed.log(rounds[2])
    resumed.close(history, {})
    assert [event.step for event in read(run).Scalars("train/loss/brats")] == [0, 1, 2]
    assert len(list((run.folder / "tensorboard").glob("*/*"))) == 1
    killed.close([], {})


def test_the_folder_is_called_like_the_run(run, rounds):
    tracker = TensorBoard(run)
    tracker.start(rounds[0])
    tracker.close(rounds[0], {})
    assert [p.name for p in (run.folder / "tensorboard").iterdir()] == ["FL-MRCM_hpks_4x_seed_1"]


@pytest.mark.parametrize("name", ["../../x", "a/b", "a\\b: c?", "…", "x" * 400, "FL (β) · 4x+8x"])
def test_whatever_a_run_is_called_its_folder_is_safe_on_disk(run, name):
    assert re.fullmatch(r"[A-Za-z0-9+-][A-Za-z0-9.+_-]{0,99}", replace(run, name=name).file_name)


def test_panels_are_shown_at_the_last_round(run, history, panels):
    tracker = TensorBoard(run)
    tracker.start(history)
    tracker.close(history, panels)
    (image,) = read(run).Images("panels/brats")
    assert (image.step, image.width, image.height) == (2, 8, 8)
