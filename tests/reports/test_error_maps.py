"""Pictures: every method in its column, and only what was judged on the same data."""

import h5py
import numpy as np
from matplotlib.figure import Figure

from flmrcm.reports.error_maps import draw_panel, draw_rows


def write_volume(path, target=1.0):
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for name, level in (("target", target), ("input", 0.5), ("reconstruction", 0.8)):
            file[name] = np.full((3, 8, 8), level, np.float32)
    return path


def drawn(monkeypatch, draw):
    kept = []
    monkeypatch.setattr(Figure, "savefig", lambda self, *_, **__: kept.append(self))
    draw()
    return kept[0]


def titles(figure):
    return [axis.get_title() for axis in figure.axes]


def test_a_panel_shows_target_input_reconstruction_and_both_errors(tmp_path, monkeypatch):
    volume = write_volume(tmp_path / "v.h5")
    shown = drawn(monkeypatch, lambda: draw_panel({"FL": volume}, tmp_path / "p.png"))
    assert titles(shown) == [
        "target", "zero-filled", "FL", "error of zero-filled\nNMSE 0.2500",
        "error of FL\nNMSE 0.0400",
    ]  # fmt: skip


def test_all_errors_share_one_scale(tmp_path, monkeypatch):
    volume = write_volume(tmp_path / "v.h5", target=2.0)
    shown = drawn(monkeypatch, lambda: draw_panel({"FL": volume}, tmp_path / "p.png"))
    scales = {axis.images[0].get_clim() for axis in shown.axes[3:]}
    assert scales == {(0.0, 0.4)}


def test_a_run_judged_on_other_data_leaves_its_place_empty(tmp_path, monkeypatch):
    rows = {"here": {
        "one": write_volume(tmp_path / "1.h5"), "two": write_volume(tmp_path / "2.h5", 3.0),
    }}  # fmt: skip
    shown = drawn(monkeypatch, lambda: draw_rows(rows, tmp_path / "p.png"))
    assert [bool(axis.images) for axis in shown.axes] == [
        True,
        True,
        True,
        False,
        True,
        True,
        False,
    ]


def test_the_picture_is_written(tmp_path):
    draw_panel({"FL": write_volume(tmp_path / "v.h5")}, tmp_path / "sub" / "p.png", "a title")
    assert (tmp_path / "sub" / "p.png").read_bytes().startswith(b"\x89PNG")
