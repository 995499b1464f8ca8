"""Where the peak of k-space lies: masks keep its centre, and a peak beside it is undersampled."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_NEAR_CENTER = 0.01
"""Share of the columns by which a peak may be off without harm: less than half of any mask's
fully sampled centre, and one column in any case."""


class KspacePeak(NamedTuple):
    """The strongest row and column of a slice's k-space.

    Attributes:
        energy: Σ |k|² over the slice.
        rows: number of rows by which the strongest one lies behind the centre, `n // 2`.
        columns: the same of columns.
        excess: energy of the strongest column, divided by that of the strongest one at the centre;
            1 where the peak is at the centre.
    """

    energy: float
    rows: int
    columns: int
    excess: float


def measure_peak(kspace: NDArray[np.complex64]) -> KspacePeak:
    """Return the peak of a slice's k-space; values that aren't finite count as 0.

    Args:
        kspace: complex, (coils, rows, columns), zero frequency at index `n // 2`.
    """
    energy = np.nan_to_num(kspace.real**2 + kspace.imag**2, posinf=0).sum(0, np.float64)
    rows, columns = energy.sum(1), energy.sum(0)
    center = len(columns) // 2
    reach = max(1, int(_NEAR_CENTER * len(columns)))
    near = columns[max(center - reach, 0) : center + reach + 1].max()
    return KspacePeak(
        float(energy.sum()),
        int(rows.argmax()) - len(rows) // 2,
        int(columns.argmax()) - center,
        float(columns.max() / near) if near else 1.0,
    )


def center_peak(kspace: NDArray[np.complex64], peak: KspacePeak) -> NDArray[np.complex64]:
    """Return k-space whose peak is at the centre; rows and columns are shifted, none is lost.

    The magnitude of its image stays the same: a shift of k-space is a phase of the image.

    Args:
        kspace: complex, (…, rows, columns).
        peak: as measured in this k-space, or in another slice of the volume.
    """
    return np.roll(kspace, (-peak.rows, -peak.columns), (-2, -1))
