"""A contact sheet: images of every site on one page, to compare how they look."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from flmrcm.data.h5 import Volume, read_header, read_targets
from flmrcm.data.provenance import read_provenance
from flmrcm.data.source import SPLITS
from flmrcm.errors import DataLayoutError
from flmrcm.inspection.thumbnails import find_white_level

_COLUMNS = 8
_SIDE, _CAPTION, _TITLE = 1.7, 0.25, 0.4  # inches
_WHITE_PERCENTILE = 97.0  # of the head's brightness, shown as white: bright scalp may be clipped


def write_site_sheet(roots: Mapping[str, Path], contrast: str, path: Path) -> None:
    """Write a PNG with one row per site and one slice per column, from low to high in the head.

    Neighbouring columns show different people, if a site has several.

    Args:
        roots: site → folder with files `<root>/<contrast>/<split>/<volume>.h5`.
        contrast: name of the folder below each root.
        path: the new file; parent folders are created.

    Raises:
        DataLayoutError: a site has no volume of this contrast with a target, or one is damaged.
    """
    rows = {site: _list_volumes(site, Path(root) / contrast) for site, root in roots.items()}
    simulated = {site for site, volumes in rows.items() if _is_simulated(volumes[0])}
    row_height = _SIDE + _CAPTION
    figure = Figure((_COLUMNS * _SIDE, len(rows) * row_height + _TITLE), facecolor="black")
    all_or_part = "" if len(simulated) == len(rows) else "partly "
    origin = f", {all_or_part}simulated" if simulated else ""
    _write_line(figure, f"{contrast} by site{origin}", 0.0, "large")
    for row, (site, volumes) in enumerate(rows.items()):
        top = _TITLE + row * row_height
        _write_line(figure, f"{site}{': simulated' if site in simulated else ''}", top, "medium")
        _draw_row(figure, volumes, top + _CAPTION)
    path.parent.mkdir(parents=True, exist_ok=True)
    FigureCanvasAgg(figure).print_png(path)


def _write_line(figure: Figure, text: str, top: float, size: str) -> None:
    """Write a line of text `top` inches below the upper edge of the figure."""
    height = 1 - (top + 0.05) / figure.get_figheight()
    figure.text(0.005, height, text, color="white", va="top", fontsize=size)


def _draw_row(figure: Figure, volumes: Sequence[Volume], top: float) -> None:
    height = figure.get_figheight()
    bottom, side = 1 - (top + _SIDE) / height, _SIDE / height
    for column in range(_COLUMNS):
        axes = figure.add_axes((column / _COLUMNS, bottom, 1 / _COLUMNS, side))
        axes.set_axis_off()
        image, white = _read_picture(volumes[column % len(volumes)], column / (_COLUMNS - 1))
        axes.imshow(image, cmap="gray", vmin=0, vmax=white)


def _list_volumes(site: str, folder: Path) -> list[Volume]:
    files = [file for split in SPLITS for file in sorted((folder / split).glob("*.h5"))]
    headers = (read_header(file, site) for file in files[:_COLUMNS])
    volumes = [volume for volume in headers if volume.target_key is not None]
    if not volumes:
        raise DataLayoutError(f"site {site}: {folder} holds no volume that has a target.")
    return volumes


def _is_simulated(volume: Volume) -> bool:
    return read_provenance(volume.path).kspace_origin == "simulated"


def _read_picture(volume: Volume, height: float) -> tuple[NDArray[np.float32], float]:
    """Return one slice, (height, width), and the brightness that is shown as white.

    Args:
        volume: header of a volume with a target.
        height: position of the slice in the volume, in [0, 1].
    """
    target = read_targets(volume)
    return target[round(height * (len(target) - 1))], find_white_level(target, _WHITE_PERCENTILE)
