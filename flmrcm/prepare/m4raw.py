"""M4Raw: brains at 0.3 T, three contrasts, each scanned several times over.

Files are called `2022061003_T201.h5`: study, contrast, repetition. They have fastMRI's layout,
`kspace` complex, (slices, coils, rows, columns), 18 × 4 × 256 × 256; columns of zeros pad the 195
acquired phase encodes. Their header is no valid ISMRMRD header, so the published field of view is
used (Lyu et al. 2023, doi:10.1038/s41597-023-02181-4).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from flmrcm.data.h5 import read_header
from flmrcm.data.stored_sampling import read_stored_sampling
from flmrcm.errors import ConfigErrors, DataLayoutError, check_choice
from flmrcm.prepare.coil_images import COIL_MODES, combine_slices
from flmrcm.prepare.input_files import find_contrast_problems, list_files
from flmrcm.prepare.phase_band import compute_band
from flmrcm.prepare.raw_kspace import RawFile, RawGeometry
from flmrcm.prepare.scan import FoundVolume, Scan, UnusableVolume

CONTRASTS = ("T1", "T2", "FLAIR", "GRE")
REPETITIONS = ("first", "average", "each")

_NAME = re.compile(r"(?P<study>\d+)_(?P<contrast>T1|T2|FLAIR|GRE)(?P<repetition>\d+)")
_FOV_MM, _SLICE_MM, _FIELD_T = 240.0, 5.0, 0.3
_ORIENTATION = "???"
"""The slices are axial; nothing in the files says which way they lie."""


@dataclass
class _Series:
    """The repetitions of one contrast of a study: number → file, and what is wrong with them."""

    files: dict[str, Path] = field(default_factory=dict[str, Path])
    problems: list[UnusableVolume] = field(default_factory=list[UnusableVolume])


@dataclass(frozen=True)
class M4RawSource:
    """Files of the archives `M4Raw…_multicoil_{train,val,test}.zip`, unpacked.

    A study is a subject, with all its contrasts and repetitions.

    Args:
        input: a folder with all its subfolders, or a pattern with `*` and `**`.
        contrasts: some of T1, T2, FLAIR, GRE.
        coils: combine (adaptive, complex) | rss (a magnitude) | keep.
        repetitions: first | average | each: only the first one, which is what a scanner measures in
            a scan's time; the mean of the complex images of all, with less noise; or each as a
            volume of its own.

    Raises:
        ConfigErrors: a value that isn't allowed.
    """

    input: str
    contrasts: Sequence[str] = ("T1", "T2")
    coils: str = "combine"
    repetitions: str = "first"

    def __post_init__(self) -> None:
        problems = check_choice("coils", self.coils, tuple(COIL_MODES))
        problems += check_choice("repetitions", self.repetitions, REPETITIONS)
        problems += find_contrast_problems(self.contrasts, CONTRASTS)
        if problems:
            raise ConfigErrors(problems)

    def find(self) -> Iterator[FoundVolume | UnusableVolume]:
        """Yield the wanted contrasts of every study, sorted.

        Raises:
            DataLayoutError: no such folder, or no file in it is named like M4Raw's.
        """
        found: dict[tuple[str, str], _Series] = {}
        for path in list_files(self.input, (".h5",))[1]:
            name = _NAME.fullmatch(path.stem)
            if name and name["contrast"] in self.contrasts:
                series = found.setdefault((name["study"], name["contrast"]), _Series())
                _add_file(series, name["repetition"], path)
        if not found:
            raise DataLayoutError(
                f"input={self.input}: no file is named like 2022061003_{self.contrasts[0]}01.h5; "
                "give the folder of the archives, or other contrasts."
            )
        for (study, contrast), series in sorted(found.items()):
            yield from series.problems
            yield from self._choose(study, contrast, dict(sorted(series.files.items())))

    def read(self, volume: FoundVolume) -> Scan:
        """Return the scan of one or several repetitions, read slice by slice.

        Raises:
            UnusableVolume: damaged, undersampled, NaN, or repetitions of different sizes.
        """
        raws = [_open_file(path) for path in volume.paths]
        headers = [raw.header for raw in raws]
        if len({header.shape for header in headers}) > 1:
            raise UnusableVolume(f"repetitions differ: {[header.shape for header in headers]}")
        slices = map(_average, zip(*(raw.reconstruct() for raw in raws), strict=True))
        return Scan(
            combine_slices(slices, len(raws[0]), self.coils),
            raws[0].geometry.voxel_mm,
            native_orientation=_ORIENTATION,
            native_shape=headers[0].shape,
            kspace_origin=COIL_MODES[self.coils][1],
            orientation=_ORIENTATION,
            acquisition=volume.contrast,
            attributes={"field_strength_t": _FIELD_T, "repetitions": len(raws)},
            phase_band=raws[0].phase_band,
        )

    def _choose(
        self, study: str, contrast: str, files: Mapping[str, Path]
    ) -> Iterator[FoundVolume]:
        if self.repetitions == "each":
            for repetition, path in files.items():
                yield FoundVolume(study, contrast, (path,), scan=f"rep-{repetition}")
        else:
            paths = tuple(files.values())
            chosen = paths if self.repetitions == "average" else paths[:1]
            yield FoundVolume(study, contrast, chosen)


def _add_file(series: _Series, repetition: str, path: Path) -> None:
    other = series.files.setdefault(repetition, path)
    if other != path:
        series.problems.append(
            UnusableVolume(f"{path}: is the same repetition as {other}; only that one is used")
        )


def _open_file(path: Path) -> RawFile:
    """Return what is needed to reconstruct a file.

    Raises:
        UnusableVolume: damaged, of another layout, or undersampled.
    """
    try:
        header = read_header(path, "")
        sampling = read_stored_sampling(header)
    except DataLayoutError as error:
        raise UnusableVolume(str(error)) from None
    if sampling.undersampling:
        raise UnusableVolume(
            f"{path}: undersampled ({sampling.undersampling}), but only fully sampled k-space can "
            "be used"
        )
    _, _, rows, columns = header.shape
    voxel = _SLICE_MM, _FOV_MM / rows, _FOV_MM / columns
    geometry = RawGeometry(slice(0, columns), (rows, columns), voxel)
    acquired = slice(*sampling.acquired or (0, 0))
    return RawFile(header, geometry, compute_band(acquired, columns, voxel[2]), {})


def _average(repetitions: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(repetitions)).mean(0)
