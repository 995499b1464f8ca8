"""Sampling masks: what a mask is, and one file for each family."""

from flmrcm.mri.masks.base import CENTER_SHARE, Mask, Sampling, Seed, Shape
from flmrcm.mri.masks.circus import Radial, Spiral
from flmrcm.mri.masks.columns import (
    ColumnMask,
    Equispaced,
    EquispacedOffset,
    Magic,
    Random,
    RandomBernoulli,
    get_center_columns,
)
from flmrcm.mri.masks.file import FileMask, find_center
from flmrcm.mri.masks.gaussian import Gaussian1D, Gaussian2D
from flmrcm.mri.masks.plane import GridMask
from flmrcm.mri.masks.poisson import Poisson

__all__ = [
    "CENTER_SHARE",
    "ColumnMask",
    "Equispaced",
    "EquispacedOffset",
    "FileMask",
    "Gaussian1D",
    "Gaussian2D",
    "GridMask",
    "Magic",
    "Mask",
    "Poisson",
    "Radial",
    "Random",
    "RandomBernoulli",
    "Sampling",
    "Seed",
    "Shape",
    "Spiral",
    "find_center",
    "get_center_columns",
]
