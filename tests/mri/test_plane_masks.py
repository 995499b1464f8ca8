"""Laws of the masks of single samples."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from flmrcm.errors import DataLayoutError
from flmrcm.mri.masks import (
    Gaussian2D,
    GridMask,
    Poisson,
    Radial,
    Spiral,
    get_center_columns,
)
from flmrcm.mri.masks.circus import list_squares
from flmrcm.mri.masks.poisson import measure_radii

KINDS = [Gaussian2D, Poisson, Radial, Spiral]
anywhere = pytest.mark.parametrize("kind", KINDS)
SHAPE = (96, 80)


def pool(mask: GridMask, shape: tuple[int, int], draws: int) -> np.ndarray:
    """How often each sample is measured, (rows, columns)."""
    return torch.stack([mask(shape, seed).mask for seed in range(draws)]).double().mean(0).numpy()


def fits(mask: GridMask, shape: tuple[int, int]) -> bool:
    try:
        mask.check(shape)
    except DataLayoutError:
        return False
    return True


@anywhere
@given(
    rows=st.integers(8, 70),
    columns=st.integers(8, 70),
    r=st.floats(3, 8),
    share=st.floats(0.2, 1),
    p=st.sampled_from([None, 0.75]),
)
@settings(deadline=None, max_examples=40)
def test_counts_are_exact_and_the_centre_is_full(
    kind: type[GridMask], rows: int, columns: int, r: float, share: float, p: float | None
) -> None:
    mask = kind([r], [share / r], partial_fourier=p)
    assume(fits(mask, (rows, columns)))
    sampled, center = mask((rows, columns), 1)
    radius = int((rows * columns * share / r / np.pi) ** 0.5)
    y, x = np.ogrid[:rows, :columns]
    disk = (y - rows // 2) ** 2 + (x - columns // 2) ** 2 < radius**2
    assert sampled.dtype == torch.bool
    assert sampled.sum() == max(round(rows * columns / r), disk.sum())
    assert sampled[torch.from_numpy(disk)].all()
    assert p is None or not sampled[:, : columns // 4].any()
    square = get_center_columns(rows, center[0]), get_center_columns(columns, center[1])
    assert center[0] == center[1] > 0
    assert disk[square].all()
    for n, part in zip((rows, columns), square, strict=True):
        assert part.start + part.stop - 1 == 2 * (n // 2)  # symmetric about k = 0
    larger = center[0] // 2 + 1
    assert 2 * larger**2 >= radius**2


@pytest.mark.parametrize("kind", [Gaussian2D, Radial, Spiral])
@pytest.mark.parametrize("r", [1, 1.05])
def test_nearly_everything_can_be_measured(kind: type[GridMask], r: float) -> None:
    for shape in ((17, 16), (9, 24)):
        assert kind([r], [0.05])(shape, 0).mask.sum() == round(shape[0] * shape[1] / r)


@anywhere
def test_a_seed_names_a_mask_and_another_another(kind: type[GridMask]) -> None:
    mask = kind((5,), (0.03,))
    drawn = [mask(SHAPE, seed).mask for seed in (1, 2, 3, 1)]
    assert torch.equal(drawn[0], drawn[3])
    assert len({tuple(m.flatten().tolist()) for m in drawn}) == 3


@anywhere
def test_no_centre_where_none_is_asked_for(kind: type[GridMask]) -> None:
    assert kind((5,), (0,))(SHAPE, 1).center == (0, 0)


def test_gaussian_samples_are_those_of_draws_until_new() -> None:
    shape, draws = (24, 32), 800
    mask = Gaussian2D((6,), (0.03,))
    ours = pool(mask, shape, draws)
    rng, published = np.random.default_rng(0), np.zeros(shape)
    middle = np.array([n // 2 for n in shape])
    disk = mask.plan(shape, 6, 0.03).disk
    for _ in range(draws):
        taken = set(map(tuple, np.argwhere(disk).tolist()))
        normal = rng.normal(middle, 6 * np.sqrt(middle), (1500, 2))
        for y, x in np.rint(normal).astype(int).tolist():
            if 0 <= y < shape[0] and 0 <= x < shape[1] and len(taken) < 128:
                taken.add((y, x))
        assert len(taken) == 128
        published[tuple(np.array(list(taken)).T)] += 1 / draws
    assert np.abs(ours - published).max() < 5.5 * np.sqrt(2 * 0.25 / draws)
    for axis, n in enumerate(shape):  # mean and spread of the samples along an axis
        offset = np.arange(n) - n // 2
        found, wanted = (density.sum(1 - axis) / density.sum() for density in (ours, published))
        assert found @ offset == pytest.approx(wanted @ offset, abs=0.05)
        assert found @ offset**2 == pytest.approx(wanted @ offset**2, rel=0.01)


def shares_by_radius(density: np.ndarray, edges: Sequence[float]) -> np.ndarray:
    y, x = (np.abs(np.arange(n) - n / 2) / (n / 2) for n in density.shape)
    ring = np.digitize(np.hypot(y[:, None], x), edges)
    return np.array([density[ring == i].mean() for i in range(1, len(edges))])


EDGES = tuple(np.linspace(0.3, 1.3, 9))


@pytest.mark.parametrize("shape", [(96, 96), (96, 64)])
def test_poisson_density_falls_as_its_formula(shape: tuple[int, int]) -> None:
    mask = Poisson((8,), (0,))
    grid = mask.plan(shape, 8, 0)
    found = shares_by_radius(pool(mask, shape, 60), EDGES)
    radii = np.stack([1 / measure_radii(grid, slope) ** 2 for slope in np.linspace(0, 6, 61)])
    formulas = np.stack([shares_by_radius(density, EDGES) for density in radii])
    fitted = formulas * (found.mean() / formulas.mean(1))[:, None]
    errors = np.abs(fitted / found - 1).max(1)
    assert errors.min() < 0.12
    assert 1 < np.linspace(0, 6, 61)[errors.argmin()] < 3


@pytest.mark.parametrize("r", [8, 12])
def test_poisson_is_like_that_of_sigpy(r: int) -> None:
    sigpy = pytest.importorskip("sigpy.mri")
    shape = (128, 128)
    ours = shares_by_radius(pool(Poisson((r,), (0,)), shape, 20), EDGES)
    masks = [sigpy.poisson(shape, r, crop_corner=False, seed=k, tol=0.5) for k in range(4)]
    theirs = shares_by_radius(np.abs(masks).mean(0), EDGES)
    assert np.abs(np.log(ours / theirs)).max() < np.log(1.4)


def test_poisson_samples_keep_their_distance() -> None:
    mask = Poisson((10,), (0.02,))
    grid = mask.plan(SHAPE, 10, 0.02)
    for seed in range(5):
        outer = mask(SHAPE, seed).mask.numpy() & grid.find_outer()
        places = np.argwhere(outer)
        steps = places[:, None] - places
        # a shorter axis counts by its share, and a radius is dithered by half a sample
        distances = np.hypot(steps[..., 0], steps[..., 1] * SHAPE[0] / SHAPE[1])
        np.fill_diagonal(distances, np.inf)
        radii = measure_radii(grid, 1.0)[outer] - 0.5  # the slope is steeper than 1
        assert (distances >= np.minimum(radii[:, None], radii)).all()


def test_poisson_refuses_what_is_too_dense_before_anything_is_drawn() -> None:
    with pytest.raises(DataLayoutError, match=r"mask\.accelerations=1\.5: .*at least 2\.[0-3]"):
        Poisson((1.5,), (0.1,)).check((64, 64))


@pytest.mark.parametrize("shape", [(64, 64), (65, 63), (64, 48), (31, 80)])
def test_circus_squares_are_nested_and_hold_every_sample_once(shape: tuple[int, int]) -> None:
    squares = list_squares(shape)
    size = shape[0] * shape[1]
    inside = squares.samples[squares.samples < size]
    assert len(set(inside.tolist())) == len(inside)
    missing = np.setdiff1d(np.arange(size), inside)  # an odd side's first row or column
    assert all(s // shape[1] == 0 or s % shape[1] == 0 for s in missing)
    inner = squares.samples[: squares.perimeters[0]]
    assert shape[0] // 2 * shape[1] + shape[1] // 2 in inner
    steps = np.diff(squares.samples[squares.starts[5] : squares.starts[6]])
    assert set(np.abs(steps)) == {1, shape[1]}


def test_radial_spokes_are_straight_and_a_golden_angle_apart() -> None:
    n, count = 64, 8
    squares = list_squares((n, n))
    mask = Radial([n * n / (count * n / 2)], [0])((n, n), 0).mask.numpy().ravel()
    turns = []
    for k in range(8, n // 2):  # further in, spokes share samples
        part = squares.samples[squares.starts[k] : squares.starts[k] + squares.perimeters[k]]
        turns.append(np.flatnonzero(mask[part]) / squares.perimeters[k])
    sizes = [len(turn) for turn in turns[:-1]]
    assert min(sizes) >= count
    assert max(sizes) <= count + 1
    golden = np.sort(np.mod(np.arange(count) * 2 / (1 + 5**0.5), 1))
    gaps = np.sort(np.diff(np.r_[golden, golden[0] + 1]))
    found = np.sort(np.diff(np.r_[turns[-2], turns[-2][0] + 1]))
    assert found.max() == pytest.approx(gaps.max(), abs=0.02)


def test_spirals_bend_and_rays_do_not() -> None:
    def twist(kind: type[GridMask]) -> float:
        """How much an outer square's pattern differs from one a third of the way further in."""
        squares = list_squares((96, 96))
        mask = kind((12,), (0,))((96, 96), 3).mask.numpy().ravel()
        bins = []
        for k in (30, 40):
            part = squares.samples[squares.starts[k] : squares.starts[k] + squares.perimeters[k]]
            turns = np.flatnonzero(mask[part]) / squares.perimeters[k]
            bins.append(np.histogram(turns, 24, (0, 1))[0])
        return float(np.abs(bins[0] - bins[1]).sum())

    assert twist(Radial) < twist(Spiral)


@anywhere
@pytest.mark.parametrize(
    ("shape", "fraction", "line"),
    [
        ((6, 64), 0.08, r"needs at least 8 rows and columns, the k-space is 6×64"),
        ((128, 16), 0.2, r"center_fractions=0\.2 is a disk of radius 11, .* 128×16"),
        ((32, 32), 0.001, r"center_fractions=0\.001 leaves no centre in 32×32"),
    ],
)
def test_a_pattern_that_doesnt_fit_is_refused(
    kind: type[GridMask], shape: tuple[int, int], fraction: float, line: str
) -> None:
    with pytest.raises(DataLayoutError, match=line):
        kind((4,), (fraction,))(shape, 0)


def test_partial_fourier_must_hold_the_disk() -> None:
    with pytest.raises(DataLayoutError, match="from column 16 on; lower it"):
        Gaussian2D((2,), (0.25,), partial_fourier=0.75)((64, 64), 0)
