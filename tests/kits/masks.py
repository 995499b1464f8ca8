"""Every kind of mask of columns, and any legal settings of one."""

import pytest
import torch
from hypothesis import strategies as st

from flmrcm.mri.masks import (
    CENTER_SHARE,
    Equispaced,
    EquispacedOffset,
    Gaussian1D,
    Magic,
    Mask,
    Random,
    RandomBernoulli,
    Seed,
)

EXACT = [Random, Equispaced, Gaussian1D]
PUBLISHED: dict[type[Mask], str] = {
    RandomBernoulli: "RandomMaskFunc",
    EquispacedOffset: "EquispacedMaskFractionFunc",
    Magic: "MagicMaskFunc",
}
KINDS = [*EXACT, *PUBLISHED]
FILES = ["file_brain_AXT1_200_6002217", "IXI002-Guys-0828-T1", "BraTS20_Training_001", "å"]


@st.composite
def cases(draw: st.DrawFn) -> tuple[int, float, float]:
    """(columns, acceleration, centre fraction), any that is legal."""
    columns = draw(st.integers(1, 400))
    acceleration = draw(st.floats(1, min(columns, 16)) | st.integers(1, min(columns, 16)))
    share = draw(st.floats(0, 1) | st.just(CENTER_SHARE) | st.just(1.0))
    fraction = share / acceleration
    return columns, acceleration, fraction if round(columns * fraction) else 0.0


def make(kind: type[Mask], r: float, fraction: float) -> Mask:
    """A mask of any kind at an acceleration near R: a magic one knows only whole numbers."""
    return kind([int(r) if kind is Magic else r], [fraction])


anywhere = pytest.mark.parametrize("kind", KINDS)

ROWS = 5


def draw(mask: Mask, columns: int, seed: Seed) -> torch.Tensor:
    """The columns a mask measures of k-space with some rows, (columns,)."""
    return mask((ROWS, columns), seed).mask[0]
