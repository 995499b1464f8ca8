"""What two machines compare of a volume that both have made: a digest, and a few marks of it.

A digest says whether two files hold the same; not how much they differ. So a volume has marks, too:
its projections on fixed random signs. The difference of two volumes' marks has the size of the
volumes' own relative difference (Johnson & Lindenstrauss 1984), and no image has to be sent.
"""

import math
from collections.abc import Iterator, Mapping
from hashlib import sha256, shake_128
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

from flmrcm.data.hdf5 import open_h5

N_MARKS = 4
ROUNDING = 1e-4
"""The largest relative difference that counts as another machine's rounding of the same volume.

Rounding of float32 gives 1e-7 to 1e-6; a PSNR of 40 dB is a relative difference of about 1e-2.
"""

EQUAL, ROUNDED, OTHER = "equal", "rounded", "other"


class VolumeDigest(NamedTuple):
    """A volume in short.

    Attributes:
        sha256: of every data set in the file, by name: type, shape and values.
        norm: Euclidean norm of all values, in the file's units.
        marks: projections on `N_MARKS` rows of random signs, each data set divided by its norm.
    """

    sha256: str
    norm: float
    marks: tuple[float, ...]


class DigestDifference(NamedTuple):
    """How a set of volumes differs from what is known of it.

    Attributes:
        kind: `EQUAL`, `ROUNDED`: nothing but rounding, or `OTHER`.
        text: one line; the first difference explained.
        largest: the largest relative difference of a volume; infinite where one is missing.
    """

    kind: str
    text: str
    largest: float = 0.0


def digest_volume(path: Path) -> VolumeDigest:
    """Return the digest of a volume's file; attributes don't count.

    Raises:
        DataLayoutError: the file can't be read.
    """
    code, norms, marks = sha256(), list[float](), np.zeros(N_MARKS)
    with open_h5(path) as file:
        for name, values in _read_arrays(file):
            code.update(f"{name} {values.dtype.str} {values.shape}\n".encode())
            code.update(np.ascontiguousarray(values).tobytes())
            numbers = _flatten(values)
            norms.append(float(np.linalg.norm(numbers)))
            signs = (_draw_signs(f"{name} {k}", len(numbers)) for k in range(N_MARKS))
            marks += np.array([row @ numbers for row in signs]) / (norms[-1] or 1.0)
    return VolumeDigest(code.hexdigest(), math.hypot(*norms), tuple(marks.tolist()))


def estimate_difference(one: VolumeDigest, other: VolumeDigest) -> float:
    """Return about how much two volumes differ, relative to their norm; 0 for equal ones.

    The estimate is random by the choice of signs: with four of them, rarely off by more than three.
    """
    if one.sha256 == other.sha256:
        return 0.0
    marks = np.subtract(one.marks, other.marks)
    scale = abs(one.norm - other.norm) / (other.norm or 1.0)
    size = max(float(np.sqrt(np.mean(marks**2))), scale)
    return size if math.isfinite(size) else math.inf


def compare_digests(
    known: Mapping[str, VolumeDigest], found: Mapping[str, VolumeDigest]
) -> DigestDifference:
    """Return how volumes found differ from known ones, both by their names."""
    if odd := sorted(known.keys() ^ found.keys()):
        what = "isn't there" if odd[0] in known else "isn't part of it"
        text = f"{odd[0]} {what} ({len(known)} volumes are known, {len(found)} were found)."
        return DigestDifference(OTHER, text, math.inf)
    sizes = {name: estimate_difference(found[name], known[name]) for name in sorted(known)}
    differing = [name for name in sizes if found[name].sha256 != known[name].sha256]
    if not differing:
        return DigestDifference(EQUAL, f"all {len(known)} volumes are equal, bit for bit.")
    largest = max(sizes.values())
    beyond = [name for name in differing if sizes[name] > ROUNDING]
    first = (beyond or differing)[0]
    cause = (
        "more than rounding: another generator, other people or another version made it"
        if beyond
        else "this machine's rounding"
    )
    text = (
        f"{len(differing)} of {len(known)} volumes differ; the first, {first}, by a relative "
        f"{sizes[first]:.1g}: {cause}. The largest difference is {largest:.1g}."
    )
    return DigestDifference(OTHER if beyond else ROUNDED, text, largest)


def _read_arrays(file: h5py.File) -> Iterator[tuple[str, NDArray[np.generic]]]:
    for name in sorted(file):
        item = file[name]
        if isinstance(item, h5py.Dataset) and item.dtype.kind in "biufc":
            yield name, item[()]


def _flatten(values: NDArray[np.generic]) -> NDArray[np.float64]:
    """Return all values in a row; real and imaginary parts alternate."""
    flat = np.ravel(values)
    if np.iscomplexobj(flat):
        flat = flat.astype(np.complex128).view(np.float64)
    return flat.astype(np.float64)


def _draw_signs(address: str, count: int) -> NDArray[np.float64]:
    """Return ±1, (count,); the same on every machine and in every version of NumPy."""
    drawn = shake_128(f"flmrcm {address}".encode()).digest(-(-count // 8))
    bits = np.unpackbits(np.frombuffer(drawn, np.uint8), count=count)
    return 1 - 2 * bits.astype(np.float64)
