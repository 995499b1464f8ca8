from dataclasses import replace

import pytest

from flmrcm.errors import DataLayoutError
from flmrcm.tracking.wandb import Wandb
from flmrcm.tracking.wandb_offline import read_offline_run
from flmrcm.types import Measurement


def written(run, rows):
    tracker = Wandb(run)
    tracker.start(rows)
    tracker.close(rows, {})
    return next(run.folder.rglob("run-*.wandb"))


def test_records_longer_than_a_block_are_whole(run):
    text = "k-space " * 20_000  # 160 kB, so several blocks of 32 KiB
    written(replace(run, config={"note": text}), [])
    assert read_offline_run(run.folder).config == {"note": text}


def test_many_records_across_block_borders_are_all_read(run):
    rows = [
        Measurement(r, "val", f"site_{s}", "psnr", "fastmri", r + s)
        for r in range(60)
        for s in range(50)
    ]
    written(run, rows)
    history = read_offline_run(run.folder).history
    assert [line["round"] for line in history] == list(range(60))
    assert all(line["val/psnr/site_7"] == line["round"] + 7 for line in history)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_of_a_torn_file_all_that_is_whole_is_read(run, history, share):
    path = written(run, history)
    whole, text = read_offline_run(run.folder).history, path.read_bytes()
    path.write_bytes(text[: int(len(text) * share)])
    torn = read_offline_run(run.folder).history
    assert torn == whole[: len(torn)]


def test_a_folder_without_a_run_is_named(tmp_path):
    with pytest.raises(DataLayoutError, match="0 found"):
        read_offline_run(tmp_path)


def test_another_file_is_refused(tmp_path):
    (tmp_path / "run-x.wandb").write_text("not a run")
    with pytest.raises(DataLayoutError, match="not an offline wandb run"):
        read_offline_run(tmp_path)
