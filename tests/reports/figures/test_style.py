"""A method looks alike everywhere, and unlike the others, for colour-blind readers too."""

from itertools import combinations

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from skimage.color import rgb2lab

from flmrcm.reports.figures.style import (
    COLOURS,
    GREYS,
    add_legend,
    apply_style,
    assign_looks,
    assign_site_looks,
    create_axes,
    wrap_name,
)

SEEN_BY = {
    "most": np.eye(3),
    "protanopes": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "deuteranopes": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "tritanopes": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}
"""Linear RGB as it's seen: Machado et al., IEEE TVCG 15, 2009, severity 1."""

MANY = [f"method {n:02}" for n in range(23)]


@pytest.fixture
def many(runs):
    return runs(*({"method": name, "sites": ("east",), "volumes": 1} for name in MANY))


@pytest.mark.parametrize("reader", SEEN_BY)
def test_every_reader_tells_every_two_colours_apart(reader):
    rgb = np.array([to_rgb(colour) for colour in (*COLOURS, GREYS[0])])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.asarray(SEEN_BY[reader]).T, 0, 1)
    shown = np.where(seen <= 0.0031308, seen * 12.92, 1.055 * seen ** (1 / 2.4) - 0.055)
    lab = rgb2lab(shown[None])[0]
    assert min(np.linalg.norm(a - b) for a, b in combinations(lab, 2)) > 13, "ΔE*ab"


def test_zero_filled_comes_first_and_is_grey(runs):
    result = assign_looks(runs({"method": "A"}, {"method": "z"}))
    assert list(result) == ["zero-filled", "A", "z"]
    assert result["zero-filled"].colour == GREYS[0]
    assert {result["A"].colour, result["z"].colour} & set(GREYS) == set()


def test_a_look_does_not_depend_on_what_is_drawn(many):
    assert assign_looks(many, among=["method 07"])["method 07"] == assign_looks(many)["method 07"]


def test_no_two_of_many_methods_look_alike(many):
    result = assign_looks(many)
    assert len(set(result.values())) == len(result) == 24


def test_no_two_of_eight_sites_look_alike_and_they_do_not_start_like_methods():
    result = assign_site_looks([f"site {n}" for n in range(8)])
    assert len({look.colour for look in result.values()}) == 8
    assert len({look.marker for look in result.values()}) == 8
    assert {result["site 0"].colour, result["site 1"].colour} & set(COLOURS[:4]) == set()


@pytest.mark.parametrize("columns", [1, 2, 4, 8])
@apply_style
def test_many_long_names_fit_below_the_axes(columns):
    figure, axes = create_axes(1, columns, 2.0, 1.5)
    names = [f"FL-MRCM (strategy.latent_noise=0.{n}, strategy.max_latents=200)" for n in range(10)]
    add_legend(figure, assign_site_looks(names))
    figure.draw_without_rendering()
    (box,) = (shown.get_window_extent() for shown in figure.legends)
    assert 0 <= box.x0 < box.x1 <= figure.bbox.width
    assert box.y1 <= min(axis.get_window_extent().y0 for axis in axes.flat)


def test_names_are_broken_into_lines():
    assert max(len(line) for line in wrap_name("a long name " * 9).split("\n")) <= 34
    assert isinstance(create_axes(1, 1, 1, 1)[0], Figure)


def test_a_name_breaks_where_a_word_ends_or_a_part_of_a_long_one():
    name = "FL-MR (model=UNet, optimizer.lr=0.001)"
    assert wrap_name(name, 18).split("\n") == ["FL-MR (model=UNet,", "optimizer.lr=", "0.001)"]
    assert wrap_name("a" * 30, 18) == "\n".join(["a" * 18, "a" * 12])
    assert wrap_name(name, 99) == name
