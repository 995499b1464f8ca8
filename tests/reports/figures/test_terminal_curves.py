"""Curves in the terminal: a line for each site, told apart without colours, too."""

from math import nan

from kits.runs_on_disk import journal_rows

from flmrcm.reports.figures.terminal_curves import collect_curves, draw_curves
from flmrcm.types import Measurement


def psnr(site, *values):
    return [Measurement(n, "val", site, "psnr", "fastmri", value) for n, value in enumerate(values)]


def test_a_line_has_a_point_for_each_finite_value_rounds_count_from_one():
    (curve,) = collect_curves(psnr("sim_b", 20.0, nan, 22.0))
    assert curve == ("sim_b", [1, 3], [20.0, 22.0])


def test_rows_in_any_order_give_a_line_in_the_order_of_rounds():
    (curve,) = collect_curves(psnr("sim_b", 20.0, 21.0)[::-1])
    assert curve.rounds == [1, 2]


def test_validation_and_loss_are_drawn_each_with_first_and_last_value():
    parts = [part.plain for part in draw_curves(journal_rows(30.0), 70, coloured=False)]
    assert len(parts) == 4
    assert "validation PSNR (dB)" in parts[0]
    assert parts[1].split() == [
        "A",
        "sim_b",
        "30.00",
        "→",
        "31.00",
        "B",
        "sim_h",
        "30.00",
        "→",
        "31.00",
    ]
    assert "training loss" in parts[2]
    assert max(len(line) for part in parts for line in part.splitlines()) <= 71


def test_letters_tell_sites_apart_where_there_are_no_colours():
    rows = [*psnr("sim_b", 20.0, 21.0), *psnr("sim_h", 30.0, 31.0)]
    letters = next(draw_curves(rows, 60, coloured=False)).plain
    assert {"A", "B"} <= set(letters)
    assert not next(draw_curves(rows, 60, coloured=False)).spans
    assert next(draw_curves(rows, 60, coloured=True)).spans


def test_other_conventions_and_single_rounds_draw_nothing():
    other = [row._replace(convention="slice_max") for row in psnr("sim_b", 20.0, 21.0)]
    assert not [*draw_curves(other, 60, coloured=False)]
    assert not [*draw_curves(psnr("sim_b", 20.0), 60, coloured=False)]


def test_a_second_run_does_not_hold_the_first_ones_lines():
    first = [part.plain for part in draw_curves(psnr("sim_b", 20.0, 21.0), 60, coloured=False)]
    [*draw_curves(psnr("sim_h", 1.0, 99.0), 60, coloured=False)]
    assert first == [p.plain for p in draw_curves(psnr("sim_b", 20.0, 21.0), 60, coloured=False)]
