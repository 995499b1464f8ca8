"""A scan's slices become one volume, and the volume the files of a format.

`flmrcm reconstruct` and `flmrcm evaluate` make the same files of the same scan this way.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flmrcm.data.loading import Loading
from flmrcm.data.provenance import Provenance
from flmrcm.data.site import Site
from flmrcm.errors import DataLayoutError
from flmrcm.learning.module import ReconModule
from flmrcm.learning.scoring import Evaluator
from flmrcm.runs.dicom_output import write_dicom
from flmrcm.runs.placement import locate_voxels
from flmrcm.runs.reconstructed_volume import (
    ReconstructedVolume,
    write_h5,
    write_nifti,
    write_pngs,
)
from flmrcm.runs.scans import ScanSource, read_kept_attributes, read_scan_provenance

FORMATS: Mapping[str, Callable[[ReconstructedVolume, Path], list[Path]]] = {
    "h5": write_h5, "nifti": write_nifti, "dicom": write_dicom, "png": write_pngs,
}  # fmt: skip
"""How a volume is written: a function of it and of a path without ending; it returns the files."""

OnSlices = Callable[[int], None]
"""Called with a number of slices that were just reconstructed."""


def reconstruct_scan(
    evaluator: Evaluator,
    module: ReconModule,
    source: ScanSource,
    loading: Loading,
    made: Mapping[str, Any],
    on_slices: OnSlices = lambda _: None,
) -> ReconstructedVolume:
    """Return a scan's images, along the axes that its k-space is stored in.

    Args:
        evaluator: where it is computed.
        module: the learner with the weights in use.
        source: the scan.
        loading: how its slices become batches.
        made: what outputs say of how they were made; mask and acceleration are added.
        on_slices: called after every batch.

    Raises:
        DataLayoutError: a slice can't be read, or its image isn't finite.
    """
    header, site = source.header, Site(source.name, [source], loading)
    images, inputs, shares = list[np.ndarray](), list[np.ndarray](), list[float]()
    site.prepare_maps("test")
    for batch, prediction in evaluator.reconstruct(module, site):
        images.append(prediction.reconstruction.numpy())
        inputs.append(prediction.input.numpy())
        shares += [float(batch.measured_share)] * len(batch.image)
        on_slices(len(batch.image))
    turned = (header.turn(np.concatenate(x)) for x in (images, inputs))
    image, zero_filled = map(np.ascontiguousarray, turned)
    _check_finite(image, header.path)
    sampling = {"mask": source.describe_mask(), "acceleration": round(1 / np.mean(shares), 4)}
    provenance = read_scan_provenance(header)
    affine = locate_voxels(provenance, header, image.shape)
    attributes = _read_attributes(header.path, provenance, affine)
    made = {**made, **sampling}
    return ReconstructedVolume(image, zero_filled, provenance, affine, attributes, made)


def _read_attributes(
    path: Path, provenance: Provenance, affine: NDArray[np.float64] | None
) -> Mapping[str, Any]:
    voxel = {"voxel_mm": provenance.voxel_mm} if provenance.voxel_mm else {}
    place = {"affine": affine} if provenance.affine else {}
    return {**voxel, **place, **read_kept_attributes(path)}


def _check_finite(image: np.ndarray, path: Path) -> None:
    if not np.isfinite(image).all():
        raise DataLayoutError(
            f"{path}: the network's image holds NaN or infinity; nothing is written. "
            "Use compute.precision=32-true, or another checkpoint."
        )
