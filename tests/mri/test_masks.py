"""Laws of the masks of columns, and of what all masks share."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from kits.masks import EXACT, FILES, PUBLISHED, ROWS, anywhere, cases, draw, make

from flmrcm.errors import ConfigErrors
from flmrcm.mri.masks import (
    Equispaced,
    Gaussian1D,
    Magic,
    Mask,
    Random,
    RandomBernoulli,
    get_center_columns,
)


@pytest.mark.parametrize("kind", EXACT)
@given(case=cases(), seed=st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_our_kinds_measure_exactly_the_columns_asked_for(
    kind: type[Mask], case: tuple[int, float, float], seed: int
) -> None:
    columns, acceleration, fraction = case
    mask = draw(kind([acceleration], [fraction]), columns, seed)
    assert mask.dtype == torch.bool
    assert mask.shape == (columns,)
    assert mask.sum() == max(round(columns * fraction), round(columns / acceleration))


@anywhere
@given(case=cases(), seed=st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_the_centre_is_always_measured(
    kind: type[Mask], case: tuple[int, float, float], seed: int
) -> None:
    columns, acceleration, fraction = case
    n_center = round(columns * fraction)
    mask = draw(make(kind, acceleration, fraction), columns, seed)
    start = (columns - n_center + 1) // 2
    assert mask[start : start + n_center].all()


@anywhere
@given(case=cases(), seed=st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_a_seed_names_a_mask(kind: type[Mask], case: tuple[int, float, float], seed: int) -> None:
    columns, acceleration, fraction = case
    mask = make(kind, acceleration, fraction)
    assert torch.equal(draw(mask, columns, seed), draw(mask, columns, seed))


@anywhere
def test_other_seeds_give_other_masks(kind: type[Mask]) -> None:
    masks = {tuple(draw(kind((4,)), 128, seed).tolist()) for seed in range(50)}
    # an equispaced mask has few offsets to choose from, a magic one at 4x two
    assert len(masks) >= (2 if kind is Magic else 5)


@anywhere
@pytest.mark.parametrize(
    ("columns", "r", "n_center"), [(64, 8, 8), (3, 2, 2), (6, 4, 2), (5, 1, 5)]
)
def test_a_centre_that_uses_up_the_columns_stands_alone(
    kind: type[Mask], columns: int, r: int, n_center: int
) -> None:
    mask = draw(kind([r], [1 / r]), columns, 3)
    assert mask.sum() == n_center
    assert mask[get_center_columns(columns, n_center)].all()


@anywhere
@given(case=cases(), seed=st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_a_sampling_knows_its_shape_and_its_fully_sampled_centre(
    kind: type[Mask], case: tuple[int, float, float], seed: int
) -> None:
    columns, acceleration, fraction = case
    mask, (rows, center) = make(kind, acceleration, fraction)((ROWS, columns), seed)
    assert mask.shape == (1, columns)
    assert center == round(columns * fraction)
    assert rows == (ROWS if center else 0)
    assert mask.expand(ROWS, columns)[:, get_center_columns(columns, center)].all()


@anywhere
def test_rows_change_no_column(kind: type[Mask]) -> None:
    mask = kind((4,))
    assert torch.equal(mask((3, 64), 7).mask, mask((300, 64), 7).mask)


def outer_places(mask: torch.Tensor, n_center: int) -> np.ndarray:
    columns = len(mask)
    return np.flatnonzero(np.delete(mask.numpy(), np.r_[get_center_columns(columns, n_center)]))


@given(case=cases(), seed=st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_equispaced_columns_are_evenly_spread(case: tuple[int, float, float], seed: int) -> None:
    columns, acceleration, fraction = case
    n_center = round(columns * fraction)
    places = outer_places(draw(Equispaced([acceleration], [fraction]), columns, seed), n_center)
    if len(places):
        spacing = (columns - n_center) / len(places)
        gaps = np.diff(places)
        assert np.isin(gaps, [np.floor(spacing), np.ceil(spacing)]).all()
        assert places[0] <= spacing
        assert places[-1] >= columns - n_center - spacing - 1


def test_random_columns_are_drawn_alike() -> None:
    mask, draws, n_center = Random((4,), (0.08,)), 2000, 10
    drawn = torch.stack([draw(mask, 128, seed) for seed in range(draws)]).double().mean(0)
    outer = np.delete(drawn.numpy(), np.r_[get_center_columns(128, n_center)])
    share = (32 - n_center) / (128 - n_center)
    assert np.abs(outer - share).max() < 5 * np.sqrt(share * (1 - share) / draws)


def test_gaussian_columns_are_those_of_draws_until_new() -> None:
    mask, n, n_center, count, draws = Gaussian1D((4,), (0.08,)), 128, 10, 32, 3000
    ours = torch.stack([draw(mask, n, seed) for seed in range(draws)]).double().mean(0).numpy()
    rng, published = np.random.default_rng(0), np.zeros(n)
    for _ in range(draws):
        taken = set(range(*get_center_columns(n, n_center).indices(n)))
        while len(taken) < count:
            column = round(rng.normal(n // 2, 6 * np.sqrt(n // 2)))
            taken |= {column} & set(range(n))
        published[list(taken)] += 1 / draws
    outer = np.delete(np.arange(n), np.r_[get_center_columns(n, n_center)])
    spread = np.sqrt(2 * published * (1 - published) / draws)[outer]
    assert np.sqrt(np.mean(((ours - published)[outer] / spread) ** 2)) < 1.3
    assert ours[1:59].mean() == pytest.approx(ours[70:].mean(), abs=0.005)  # symmetric about 64


@given(st.integers(32, 320), st.integers(2, 8), st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_magic_columns_hold_no_conjugate_pair(columns: int, r: int, seed: int) -> None:
    mask = draw(Magic([r], [0.0]), columns, seed)
    offsets = np.flatnonzero(mask) - columns // 2
    if r > 2:  # one in two can't avoid all pairs
        assert not {-k for k in offsets if k} & set(offsets)


@pytest.mark.parametrize(("r", "least", "most"), [(4, 3.15, 3.25), (8, 6.1, 6.3)])
def test_a_magic_mask_is_faster_on_paper(r: int, least: float, most: float) -> None:
    counts = [int(draw(Magic((r,)), 320, seed).sum()) for seed in range(40)]
    assert least < 320 / np.mean(counts) < most


def test_a_magic_mask_wants_whole_numbers() -> None:
    with pytest.raises(ConfigErrors, match=r"mask\.accelerations=2\.5: .* whole numbers"):
        Magic((4, 2.5))


def test_what_fingerprints_hold_of_a_mask_stays_as_it_was() -> None:
    words = "accelerations=(4,), center_fractions=None, seed=0, seeding='address'"
    assert repr(Random((4,))) == f"Random({words})"
    assert repr(Random((4,), partial_fourier=0.75)) == f"Random({words}, partial_fourier=0.75)"


def test_the_published_random_kind_meets_the_acceleration_on_average_only() -> None:
    counts = [int(draw(RandomBernoulli((8,)), 256, seed).sum()) for seed in range(500)]
    assert np.mean(counts) == pytest.approx(32, abs=1)
    assert min(counts) < 26
    assert max(counts) > 38


@pytest.mark.filterwarnings("ignore")  # fastMRI's own imports
@pytest.mark.parametrize("kind", PUBLISHED)
@pytest.mark.parametrize("columns", [64, 181, 240, 256, 320])
@pytest.mark.parametrize("name", FILES)
def test_published_kinds_are_fastmri_draw_for_draw(
    kind: type[Mask], columns: int, name: str
) -> None:
    subsample = pytest.importorskip("fastmri.data.subsample")
    accelerations, fractions = (4, 8, 6), (0.08, 0.04, 0.06)
    theirs = getattr(subsample, PUBLISHED[kind])(fractions, accelerations)
    seed = tuple(map(ord, f"{name}.h5"))
    expected, _ = theirs((1, columns, 2), seed=seed)
    ours = kind(accelerations, fractions, seeding="file_name")
    found = draw(ours, columns, ours.get_fixed_seed("any site", name))
    assert torch.equal(found, expected.flatten().bool())
