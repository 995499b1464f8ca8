"""CMRxRecon 2023, 2024 and 2025: k-space of hearts in MATLAB files, of many centres and scanners.

`MultiCoil/Cine/TrainingSet/FullSample/Center005/Siemens_30T_Vida/P003/cine_sax.mat` is one file of
2025; 2023 and 2024 have neither centre nor scanner (github.com/CmrxRecon; Wang et al. 2024,
doi:10.1038/s41597-024-03525-4). The undersampled ones beside `FullSample` are left alone.
"""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from flmrcm.errors import ConfigErrors, DataLayoutError, check_choice
from flmrcm.prepare.cmrxrecon_frame import plan_frame
from flmrcm.prepare.cmrxrecon_info import ScanSize, SizeRule, read_size
from flmrcm.prepare.coil_images import COIL_MODES, combine_slices
from flmrcm.prepare.input_files import find_contrast, find_contrast_problems, list_files
from flmrcm.prepare.mat_kspace import MatKspace, read_frame, read_mat_header
from flmrcm.prepare.scan import FoundVolume, Scan, UnusableVolume

log = logging.getLogger(__name__)

SPLIT_BY = ("none", "center", "scanner")

_PLACE = re.compile(
    r"/(?:(?P<set>\w+Set)/)?FullSample[^/]*/(?:(?P<center>Center\d+)/(?P<scanner>[^/]+)/)?"
    r"(?P<patient>P\d+)/(?P<name>[^/]+)\.mat$"
)
_TASK = re.compile(r"/(Task[A-Z]?\d[^/]*)/")
_ORIENTATION = "???"


@dataclass(frozen=True)
class CmrxreconSource:
    """Fully sampled files; each frame is a volume of its own, with its slices as neighbours.

    A subject is a patient's folder with the set, task, centre and scanner around it: elsewhere, the
    same number names other people. All contrasts and frames of a subject are in one split.

    Args:
        input: a folder with all its subfolders, such as `MultiCoil`, or a pattern.
        acquisitions: contrast → names of files without `.mat`. Files of other names aren't used.
        contrasts: the contrasts to use; None uses all.
        frames: numbers of the frames to use, from 0; None uses all.
        coils: combine (adaptive, complex) | rss (a magnitude) | keep.
        split_by: none | center | scanner: whether each is a site of its own.
        voxel_mm, slice_mm, oversampling, oversampled_fov: see `SizeRule`.

    Raises:
        ConfigErrors: a value that isn't allowed.
    """

    input: str
    acquisitions: Mapping[str, Sequence[str]]
    contrasts: Sequence[str] | None = None
    frames: Sequence[int] | None = (0,)
    coils: str = "combine"
    split_by: str = "none"
    voxel_mm: Sequence[float] | None = None
    slice_mm: float | None = None
    oversampling: float | None = None
    oversampled_fov: Sequence[str] = ()

    def __post_init__(self) -> None:
        problems = check_choice("coils", self.coils, tuple(COIL_MODES))
        problems += check_choice("split_by", self.split_by, SPLIT_BY)
        problems += find_contrast_problems(self.contrasts, self.acquisitions)
        voxel, frames = self.voxel_mm, self.frames
        if voxel is not None and (len(voxel) != 3 or min(voxel) <= 0):
            problems.append(f"voxel_mm={voxel}: give [slices, kx, ky] in mm, above 0, or null.")
        if frames is not None and (not frames or min(frames) < 0):
            problems.append(f"frames={frames}: give numbers from 0, or null for all.")
        for key in ("slice_mm", "oversampling"):
            value = getattr(self, key)
            if value is not None and value <= 0:
                problems.append(f"{key}={value}: a number above 0, or null.")
        if problems:
            raise ConfigErrors(problems)

    def find(self) -> Iterator[FoundVolume | UnusableVolume]:
        """Yield the wanted frames of every file, sorted by path, after a look at header and table.

        Raises:
            DataLayoutError: no such folder, or no file of the layout in it.
        """
        files = list_files(self.input, (".mat",))[1]
        places = [(path, place) for path in files if (place := _find_place(path))]
        if not places:
            raise DataLayoutError(
                f"input={self.input}: none of {len(files)} .mat files lies as in "
                "…/TrainingSet/FullSample/P001/cine_sax.mat; give the folder MultiCoil."
            )
        wanted = [(path, place) for path, place in places if self._find_contrast(place)]
        if not wanted:
            names = ", ".join(sorted({place["name"] for _, place in places}))
            raise DataLayoutError(
                f"input={self.input}: no file of {', '.join(self.contrasts or self.acquisitions)}; "
                f"the fully sampled files are called {names}."
            )
        log.info("not used: %d undersampled files, masks and the like", len(files) - len(places))
        log.info("not used: %d files of other acquisitions", len(places) - len(wanted))
        for path, place in wanted:
            try:
                yield from self._find_frames(path, place)
            except DataLayoutError as problem:
                yield UnusableVolume(str(problem))

    def read(self, volume: FoundVolume) -> Scan:
        """Return one frame; a file is read once for each.

        Raises:
            UnusableVolume: damaged, undersampled, NaN, or of unknown pixel size.
        """
        (path,) = volume.paths
        header = read_mat_header(path)
        size = self._read_size(path, header)
        kspace = read_frame(header, int(volume.scan.rpartition("_t")[2]))
        # the middle slice: those at the ends may be empty
        geometry = plan_frame(kspace[len(kspace) // 2], size)
        return Scan(
            combine_slices(map(geometry.reconstruct, kspace), len(kspace), self.coils),
            geometry.voxel_mm,
            native_orientation=_ORIENTATION,
            native_shape=kspace.shape,
            kspace_origin=COIL_MODES[self.coils][1],
            orientation=_ORIENTATION,
            acquisition=path.stem,
            attributes=size.attributes,
            phase_band=geometry.band,
        )

    def _find_contrast(self, place: re.Match[str]) -> str | None:
        """Return the contrast of a file; None if it isn't wanted."""
        contrast = find_contrast(place["name"], self.acquisitions)
        return contrast if contrast in (self.contrasts or self.acquisitions) else None

    def _find_frames(self, path: Path, place: re.Match[str]) -> Iterator[FoundVolume]:
        header = read_mat_header(path)
        self._read_size(path, header)
        if self.split_by != "none" and not place["center"]:
            raise DataLayoutError(f"{path}: names no centre; leave split_by=none.")
        n_frames = header.shape[0]
        frames = range(n_frames) if self.frames is None else self.frames
        if beyond := [frame for frame in frames if frame >= n_frames]:
            raise DataLayoutError(f"{path}: has {n_frames} frames, so none is {beyond[0]}.")
        task = _TASK.search(path.absolute().as_posix())
        parts = (task and task[1], *place.group("set", "center", "scanner", "patient"))
        subject, contrast = "/".join(filter(None, parts)), self._find_contrast(place) or ""
        sites = {"none": [], "center": ["center"], "scanner": ["center", "scanner"]}
        names = [place[key] for key in sites[self.split_by]]
        site = "-".join(["CMRxRecon", *names]) if names else ""
        for frame in frames:
            scan = f"{place['name']}_t{frame:02d}"
            yield FoundVolume(subject, contrast, (path,), site, scan=scan)

    def _read_size(self, path: Path, header: MatKspace) -> ScanSize:
        place = _find_place(path)
        scanner = (place and place["scanner"]) or ""
        rule = SizeRule(self.voxel_mm, self.slice_mm, self.oversampling, self.oversampled_fov)
        *_, columns, rows = header.shape
        return read_size(path, scanner, (rows, columns), rule)


def _find_place(path: Path) -> re.Match[str] | None:
    return _PLACE.search(path.absolute().as_posix())
