"""Image grids: every method in its column, one scale, and only images of the same target."""

import h5py
import numpy as np
import pytest
from matplotlib.figure import Figure

from flmrcm.reports.figures.error_maps import (
    ERROR_SHARES,
    ImageGrid,
    Row,
    choose_error_share,
    draw_image_grid,
    draw_panel,
)

TARGET = np.full((8, 8), 2.0, np.float32)


def row(**levels):
    return Row("here", TARGET, {name: np.full((8, 8), v, np.float32) for name, v in levels.items()})


def shown(figure, colours):
    return [image for image in figure.axes[0].images if image.get_cmap().name == colours]


def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def write_volume(path):
    with h5py.File(path, "w") as file:
        for name, level in (("target", 1.0), ("input", 0.5), ("reconstruction", 0.8)):
            file[name] = np.full((3, 8, 8), level, np.float32)
    return path


def test_a_panel_shows_target_input_and_reconstruction_and_both_errors(tmp_path, monkeypatch):
    kept = []
    monkeypatch.setattr(Figure, "savefig", lambda self, *_, **__: kept.append(self))
    draw_panel({"FL": write_volume(tmp_path / "v.h5")}, tmp_path / "p.png")
    assert [float(i.get_array().mean()) for i in shown(kept[0], "gray")] == pytest.approx(
        [1, 0.5, 0.8]
    )
    assert [float(i.get_array().mean()) for i in shown(kept[0], "inferno")] == pytest.approx(
        [0.5, 0.2]
    )
    assert {"target", "zero-filled", "FL", "error of FL", "NMSE 0.2500", "NMSE 0.0400"} <= {
        *texts(kept[0])
    }


def test_the_panel_is_written(tmp_path):
    volume = write_volume(tmp_path / "v.h5")
    draw_panel({"FL": volume}, tmp_path / "sub" / "p.png", "a title")
    assert (tmp_path / "sub" / "p.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("errors", ["below", "beside"])
def test_all_errors_share_one_scale_and_all_images_their_targets_brightness(errors):
    rows = [row(a=1.9, b=1.5), row(a=1.8, b=1.9)]
    figure = draw_image_grid(ImageGrid(rows, ["a", "b"], errors))
    assert {image.get_clim() for image in shown(figure, "gray")} == {(0, 2)}
    assert {image.get_clim() for image in shown(figure, "inferno")} == {(0, 0.3 * 2)}


@pytest.mark.parametrize("errors", ["below", "beside"])
def test_nothing_overlaps_and_everything_is_on_the_page(errors):
    table = ImageGrid([row(a=1, b=1), row(a=1, b=1)], ["a", "b"], errors)
    figure = draw_image_grid(table)
    places = {
        (round(i.get_extent()[0], 6), round(i.get_extent()[3], 6)) for i in figure.axes[0].images
    }
    assert len(places) == len(figure.axes[0].images) == 10
    lefts, tops = zip(*places, strict=True)
    width, height = table.size
    assert max(lefts) + table.image_width <= width
    assert max(tops) + table.image_height <= height


def test_a_method_without_an_image_leaves_its_place_empty():
    figure = draw_image_grid(ImageGrid([row(a=1.0)], ["a", "b"], "below"))
    assert len(shown(figure, "gray")) == 2, "target and a"
    assert len(shown(figure, "inferno")) == 1
    assert "b" in texts(figure)


def test_error_maps_end_where_nearly_all_errors_are_shown():
    assert choose_error_share([row(a=1.92)]) == 0.05, "0.08 of 2 is 4 %"
    assert choose_error_share([row(a=1.92), row(a=1.5)]) == 0.3, "the worst decides"
    assert choose_error_share([row(a=9.0)]) == ERROR_SHARES[-1]


def test_zero_filled_images_do_not_stretch_the_scale_of_methods():
    assert choose_error_share([row(**{"zero-filled": 1.0, "a": 1.92})]) == 0.05
    assert choose_error_share([row(**{"zero-filled": 1.0})]) == 0.5


def test_a_black_target_is_drawn():
    black = np.zeros((8, 8), np.float32)
    draw_image_grid(ImageGrid([Row("", black, {"a": black})], ["a"], "below"))


def test_images_that_are_not_finite_leave_the_scale_to_the_others():
    assert choose_error_share([row(a=float("nan"), b=1.92)]) == 0.05
    assert choose_error_share([row(a=float("nan"))]) == ERROR_SHARES[-1]
