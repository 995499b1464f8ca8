"""Reconstructions and errors side by side."""

import h5py
import numpy as np

from flmrcm.reports.figures.figure_writer import DrawnFigure, MissingFigure
from flmrcm.reports.figures.volumes import draw_volumes

PAIR = {"method": "A", "saved": 3}, {"method": "B", "saved": 3, "psnr": 31.0}


def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def count(figure, colours):
    return sum(image.get_cmap().name == colours for image in figure.axes[0].images)


def test_there_is_an_overview_and_a_picture_of_each_site(runs, tmp_path):
    result = draw_volumes(runs({"saved": 1}), tmp_path)
    assert all(isinstance(outcome, DrawnFigure) for outcome in result)
    assert [outcome.png.stem for outcome in result] == [
        "comparison",
        "volumes_east",
        "volumes_west",
    ]
    assert all(outcome.png.stat().st_size > 1000 for outcome in result)


def test_a_site_shows_three_volumes_of_every_method(runs, tmp_path, plots):
    draw_volumes(runs(*PAIR), tmp_path)
    site = plots[2]
    assert {"target", "zero-filled", "A", "B"} <= set(texts(site))
    assert {"median: v1", "best: v2", "worst: v0"} <= set(texts(site))
    assert (count(site, "gray"), count(site, "inferno")) == (3 * 4, 3 * 3)


def test_below_each_error_stands_the_volumes_psnr(runs, tmp_path, plots):
    draw_volumes(runs(*PAIR), tmp_path)
    noted = [text for text in texts(plots[2]) if text.endswith("dB")]
    assert noted[:3] == ["21.00 dB", "31.00 dB", "32.00 dB"], "the median's: zero-filled, A, B"


def test_all_errors_of_a_picture_share_one_scale_relative_to_their_targets(runs, tmp_path, plots):
    draw_volumes(runs(*PAIR), tmp_path)
    images = plots[2].axes[0].images
    errors = {image.get_clim()[1] for image in images if image.get_cmap().name == "inferno"}
    peaks = {image.get_clim()[1] for image in images if image.get_cmap().name == "gray"}
    ratios = {
        round(error / peak, 6) for error, peak in zip(sorted(errors), sorted(peaks), strict=True)
    }
    assert len(ratios) == 1
    assert len(peaks) == 3


def test_the_middle_slice_is_shown(runs, tmp_path, plots):
    draw_volumes(runs({"saved": 1, "slices": 5}), tmp_path)
    file = next((tmp_path / "outputs").rglob("east/v0.h5"))
    with h5py.File(file) as volume:
        expected = np.asarray(volume["target"])[2]
    assert np.array_equal(plots[2].axes[0].images[0].get_array(), expected)


def test_without_saved_volumes_there_is_a_reason(runs, tmp_path):
    result = draw_volumes(runs({}), tmp_path)
    assert all(isinstance(outcome, MissingFigure) for outcome in result)
    assert "test.saved_volumes" in result[0].reason


def test_a_run_tested_on_another_target_and_a_damaged_file_leave_their_places_empty(
    runs, tmp_path, plots
):
    comparison = runs(
        {"method": "A", "saved": 1}, {"method": "B", "saved": 1}, {"method": "C", "saved": 1}
    )
    other, damaged = (tmp_path / "outputs" / f"run_{n}/reconstructions/east/v0.h5" for n in (1, 2))
    with h5py.File(other, "r+") as file:
        file["target"][...] = 7
    damaged.write_bytes(b"no HDF5")
    draw_volumes(comparison, tmp_path)
    assert count(plots[2], "gray") == 3, "target, zero-filled and A"


def test_few_saved_volumes_are_confessed(runs, tmp_path, plots):
    result = draw_volumes(runs({"volumes": 8, "saved": 3}), tmp_path)
    assert "east: all shown methods saved only 3 of 8 volumes" in result[1].caption
