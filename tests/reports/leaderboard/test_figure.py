"""The picture of quality against bytes shows every method, and bytes in proportion."""

from kits.benchmark import make_result, read_tiny
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from flmrcm.reports.leaderboard.figure import draw_quality
from flmrcm.reports.leaderboard.standings import build_board


def test_every_method_lies_inside_and_bytes_are_counted_from_zero(tmp_path, monkeypatch):
    tiny, drawn = read_tiny(), list[Axes]()
    results = make_result(tiny), make_result(tiny, "larger", 0.5, bytes=10_010_000)
    save = Figure.savefig
    monkeypatch.setattr(
        Figure,
        "savefig",
        lambda figure, *given, **more: drawn.extend(figure.axes) or save(figure, *given, **more),
    )
    board = build_board(tiny, results, "participating", "t1_single")
    draw_quality([("unet", board)], tmp_path / "quality.png")
    axis = drawn[0]
    left, right = axis.get_xlim()
    places = [float(bars.lines[0].get_xdata()[0]) for bars in axis.containers]
    assert sorted(places) == [10.0, 10.01]  # MB
    assert left == 0 < max(places) < 0.95 * right
