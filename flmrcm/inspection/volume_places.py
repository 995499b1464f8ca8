"""The files of a folder: of one site, several sites, one contrast, or a flat folder of files."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from flmrcm.data.source import SPLITS
from flmrcm.errors import DataLayoutError


@dataclass(frozen=True)
class VolumePlace:
    """One file, and what the names of its folders mean.

    Attributes:
        path: the file.
        site: the folder above the contrast, with as many parents as keep sites apart; in a flat
            folder its own name.
        contrast: name of the folder above the split; empty in a flat folder.
        split: train | val | test; empty in a flat folder.
    """

    path: Path
    site: str
    contrast: str
    split: str

    @property
    def group(self) -> str:
        """Site and contrast: the volumes that should look alike."""
        return f"{self.site} {self.contrast}".strip()

    @property
    def label(self) -> str:
        """Site, contrast, split and file name, as a path."""
        return "/".join(filter(None, (self.site, self.contrast, self.split, self.path.name)))


def find_volume_places(folder: Path) -> list[VolumePlace]:
    """Return every `.h5` file below a folder, sorted by path; hidden files are left out.

    Files in `<site>/<contrast>/<split>/` belong to a site; any other folder is a flat one.

    Args:
        folder: several sites, one site, a contrast, a split, or a flat folder.

    Raises:
        DataLayoutError: not a folder, or no `.h5` file in it.
    """
    if not folder.is_dir():
        problem = "is a file, not a folder" if folder.exists() else "doesn't exist"
        raise DataLayoutError(f"{folder}: {problem}; give the folder that holds the .h5 files.")
    # a link keeps its name: users find in the tables what they typed
    top = folder.resolve() if ".." in folder.parts else folder.absolute()
    files = sorted(_walk_files(top))
    if not files:
        raise DataLayoutError(
            f"{folder}: holds no .h5 files; files are expected at "
            "<root>/<contrast>/<split>/<volume>.h5, or in a flat folder."
        )
    return [_make_place(file, top) for file in files]


def _walk_files(top: Path) -> Iterator[Path]:
    """Yield every `.h5` file; links are followed, but no folder is visited twice."""
    visited: set[Path] = set()
    # sites are often links to larger disks; a link to a parent would never end
    for folder, subfolders, files in os.walk(top, followlinks=True):
        real = Path(folder).resolve()
        is_new = real not in visited
        # changed in place: os.walk enters only the folders that are left in this list
        subfolders[:] = [name for name in subfolders if is_new and not name.startswith(".")]
        if is_new:
            names = (name for name in files if name.endswith(".h5") and not name.startswith("."))
            yield from (Path(folder, name) for name in names)
        visited.add(real)


def _make_place(file: Path, top: Path) -> VolumePlace:
    split, contrast = file.parent, file.parent.parent
    if split.name in SPLITS:
        return VolumePlace(file, _name_site(contrast.parent, top), contrast.name, split.name)
    return VolumePlace(file, _name_site(file.parent, top), "", "")


def _name_site(folder: Path, top: Path) -> str:
    """Return the path below `top`, or the folder's own name if `top` is the site or part of it."""
    inside = folder.is_relative_to(top) and folder != top
    return folder.relative_to(top).as_posix() if inside else folder.name
