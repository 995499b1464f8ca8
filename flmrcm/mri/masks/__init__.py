"""Sampling masks: what a mask is, and one file for each family."""

from flmrcm.mri.masks.base import CENTER_SHARE, Mask, Sampling, Seed, Shape
from flmrcm.mri.masks.columns import (
    ColumnMask,
    Equispaced,
    EquispacedOffset,
    Random,
    RandomBernoulli,
    get_center_columns,
)

__all__ = [
    "CENTER_SHARE",
    "ColumnMask",
    "Equispaced",
    "EquispacedOffset",
    "Mask",
    "Random",
    "RandomBernoulli",
    "Sampling",
    "Seed",
    "Shape",
    "get_center_columns",
]
