"""What may be asked of a mask, and on what its fixed seeds depend."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kits.masks import anywhere, draw, make

from flmrcm.errors import ConfigErrors, DataLayoutError
from flmrcm.mri.masks import Mask, Random, get_center_columns


@anywhere
@given(r=st.floats(1, 16), excess=st.floats(1e-6, 2))
@settings(deadline=None)
def test_a_centre_above_one_in_r_is_refused(kind: type[Mask], r: float, excess: float) -> None:
    with pytest.raises(ConfigErrors, match=r"mask\.center_fractions=.*must lie in \[0, "):
        make(kind, r, 1 / int(r) * (1 + excess))


@anywhere
@given(r=st.floats(1, 16))
@settings(deadline=None)
def test_a_centre_of_exactly_one_in_r_is_legal(kind: type[Mask], r: float) -> None:
    draw(make(kind, r, 1 / r), 64, 0)


@pytest.mark.parametrize(
    ("accelerations", "fractions", "line"),
    [
        ((), None, "at least one"),
        ((0.5,), None, "at least 1"),
        ((4, 8), (0.08,), "as many as"),
        ((4,), (0.08, 0.04), "as many as"),
        ((4,), (), "as many as"),
        ((4,), (-0.1,), "must lie in"),
    ],
)
def test_lists_that_make_no_sense_are_refused(
    accelerations: tuple[float, ...], fractions: tuple[float, ...] | None, line: str
) -> None:
    with pytest.raises(ConfigErrors, match=line):
        Random(accelerations, fractions)


def test_every_wrong_pair_is_reported_at_once() -> None:
    with pytest.raises(ConfigErrors) as caught:
        Random((4, 8, 0.5), (0.3, 0.2, 0.1), seeding="by_moon")
    assert len(caught.value.problems) == 4


def test_lists_pair_one_to_one() -> None:
    pairs = {(4, 0.2): 16, (8, 0.05): 8}
    mask = Random([r for r, _ in pairs], [fraction for _, fraction in pairs])
    assert mask.pairs == list(pairs)
    drawn = [draw(mask, 64, seed) for seed in range(40)]
    assert {int(m.sum()) for m in drawn} == {16, 8}
    assert all(m[get_center_columns(64, 13 if m.sum() == 16 else 3)].all() for m in drawn)


def test_no_fractions_means_a_third_of_the_measured_columns() -> None:
    assert Random((4, 8)).pairs == [(4, 0.08), (8, 0.04)]


@anywhere
def test_too_few_columns_are_a_fault_of_the_data(kind: type[Mask]) -> None:
    draw(kind((8,), (1 / 8,)), 8, 0)
    with pytest.raises(DataLayoutError, match=r"mask\.accelerations=8 .* has 7"):
        draw(kind((8,), (1 / 8,)), 7, 0)


@anywhere
def test_a_fraction_that_leaves_no_centre_is_refused(kind: type[Mask]) -> None:
    line = r"mask\.center_fractions=0\.01 leaves no centre in 40 columns; give at least 0\.025"
    with pytest.raises(DataLayoutError, match=line):
        draw(kind((8,), (0.01,)), 40, 0)
    draw(kind((8,), (0.025,)), 40, 0)


def addresses() -> Iterator[tuple[int, str, str]]:
    yield from [(0, "a", "v"), (1, "a", "v"), (0, "b", "v"), (0, "a", "w")]


def test_fixed_masks_depend_on_seed_site_and_volume() -> None:
    seeds = {
        Random((4,), seed=seed).get_fixed_seed(site, volume) for seed, site, volume in addresses()
    }
    assert len(seeds) == 4


def test_published_seeding_is_the_file_name_alone() -> None:
    seeds = {
        Random((4,), seed=seed, seeding="file_name").get_fixed_seed(site, volume)
        for seed, site, volume in addresses()
    }
    assert seeds == {(118, 46, 104, 53), (119, 46, 104, 53)}  # "v.h5", "w.h5"
