"""Partial Fourier: one side of k-space stays empty, and the counts stay what was asked for."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from kits.masks import EXACT, PUBLISHED, cases, draw

from flmrcm.errors import ConfigErrors
from flmrcm.mri.masks import Mask, Random, get_center_columns


@pytest.mark.parametrize("kind", EXACT)
@given(case=cases(), share=st.sampled_from([5 / 8, 6 / 8, 7 / 8, 1.0]), seed=st.integers(0, 99))
@settings(deadline=None)
def test_partial_fourier_keeps_the_count_and_a_symmetric_centre(
    kind: type[Mask], case: tuple[int, float, float], share: float, seed: int
) -> None:
    columns, acceleration, fraction = case
    acceleration = min(max(acceleration, 1 / share), columns)
    fraction = min(fraction, 2 * share - 1, 1 / acceleration)
    if acceleration * share < 1 or (fraction and not round(columns * fraction)):
        return
    mask = draw(kind([acceleration], [fraction], partial_fourier=share), columns, seed)
    n_center = round(columns * fraction)
    assert mask.sum() == max(n_center, round(columns / acceleration))
    assert mask[get_center_columns(columns, n_center)].all()
    assert not mask[: int(columns * (1 - share) + 1e-6)].any()


@pytest.mark.parametrize("kind", PUBLISHED)
def test_partial_fourier_takes_columns_from_a_published_mask(kind: type[Mask]) -> None:
    whole = draw(kind((4,)), 64, 3)
    part = draw(kind((4,), partial_fourier=0.75), 64, 3)
    assert not part[:16].any()
    assert torch.equal(part[16:], whole[16:])


@pytest.mark.parametrize(
    ("share", "r", "fraction", "line"),
    [
        (0.5, 4, 0.08, "above 0.5"),
        (1.2, 4, 0.08, "at most 1"),
        (0.75, 1.2, 0.08, r"acceleration 1\.2 .* at least 1\.33"),
        (0.625, 2, 0.3, r"center_fractions=0\.3, which must be at most 0\.25"),
    ],
)
def test_a_partial_fourier_that_cant_be_is_refused(
    share: float, r: float, fraction: float, line: str
) -> None:
    with pytest.raises(ConfigErrors, match=rf"mask\.partial_fourier={share}: .*{line}"):
        Random((r,), (fraction,), partial_fourier=share)
