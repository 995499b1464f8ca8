"""Where volumes lie: a site's folder, several sites, one contrast, or a flat folder of files."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from flmrcm.data.source import SPLITS
from flmrcm.errors import DataLayoutError


@dataclass(frozen=True)
class VolumePlace:
    """One file, and what its folders say of it.

    Attributes:
        path: the file.
        site: the folder above the contrast, told from its neighbours; a flat folder's own name.
        contrast: folder above the split; empty in a flat folder.
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
    """Gives every `.h5` file below a folder, sorted by path, hidden ones left out.

    Files in `<site>/<contrast>/<split>/` are a site's; any other folder counts as a flat one. The
    folder given may be several sites, one site, a contrast or a split.

    Raises:
        DataLayoutError: not a folder, or no `.h5` file in it.
    """
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "isn't there"
        raise DataLayoutError(f"{folder}: {what}; give the folder that holds the .h5 files.")
    # the name typed is the name shown, even if it's a link's
    top = folder.resolve() if ".." in folder.parts else folder.absolute()
    files = sorted(_walk_files(top))
    if not files:
        raise DataLayoutError(
            f"{folder}: holds no .h5 files; the layout is <root>/<contrast>/<split>/<volume>.h5, "
            "or a flat folder of .h5 files."
        )
    return [_make_place(file, top) for file in files]


def _walk_files(top: Path) -> Iterator[Path]:
    """Sites are often links to where there's room, so links are followed, but never twice."""
    seen: set[Path] = set()
    for folder, inside, files in os.walk(top, followlinks=True):
        real = Path(folder).resolve()
        inside[:] = [] if real in seen else [name for name in inside if not name.startswith(".")]
        if real not in seen:
            names = (name for name in files if name.endswith(".h5") and not name.startswith("."))
            yield from (Path(folder, name) for name in names)
        seen.add(real)


def _make_place(file: Path, top: Path) -> VolumePlace:
    split, contrast = file.parent, file.parent.parent
    if split.name in SPLITS:
        return VolumePlace(file, _name_site(contrast.parent, top), contrast.name, split.name)
    return VolumePlace(file, _name_site(file.parent, top), "", "")


def _name_site(folder: Path, top: Path) -> str:
    inside = folder.is_relative_to(top) and folder != top
    return folder.relative_to(top).as_posix() if inside else folder.name
