"""A contact sheet: what every site's images look like, on one page."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from flmrcm.data.h5 import Volume, read_header
from flmrcm.data.source import SPLITS
from flmrcm.errors import DataLayoutError

_COLUMNS = 8
_SIDE, _CAPTION, _TITLE = 1.7, 0.25, 0.4  # inches
_BRIGHTEST = 97.0  # percentile of the head shown as white: bright scalp may be clipped


def write_site_sheet(roots: Mapping[str, Path], contrast: str, path: Path) -> None:
    """Writes a PNG with one row per site, one slice per column, going up through several subjects.

    Args:
        roots: by site, folders of the layout `<root>/<contrast>/<split>/<volume>.h5`.
        contrast: folder below each root.
        path: of the PNG; parent folders are made.

    Raises:
        DataLayoutError: a site has no volume of this contrast that holds a target.
    """
    rows = {site: _list_volumes(site, Path(root) / contrast) for site, root in roots.items()}
    simulated = {site for site, volumes in rows.items() if _is_simulated(volumes[0])}
    row_height = _SIDE + _CAPTION
    figure = Figure((_COLUMNS * _SIDE, len(rows) * row_height + _TITLE), facecolor="black")
    all_or_part = "" if len(simulated) == len(rows) else "part "
    origin = f", {all_or_part}simulated" if simulated else ""
    _write_line(figure, f"{contrast} by site{origin}", 0.0, "large")
    for row, (site, volumes) in enumerate(rows.items()):
        top = _TITLE + row * row_height
        _write_line(figure, f"{site}{': simulated' if site in simulated else ''}", top, "medium")
        _draw_row(figure, volumes, top + _CAPTION)
    path.parent.mkdir(parents=True, exist_ok=True)
    FigureCanvasAgg(figure).print_png(path)


def _write_line(figure: Figure, text: str, top: float, size: str) -> None:
    """Writes a line `top` inches below the figure's upper edge."""
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
        raise DataLayoutError(f"site {site}: {folder} holds no volume with a target to show.")
    return volumes


def _is_simulated(volume: Volume) -> bool:
    with h5py.File(volume.path) as file:
        return file.attrs.get("kspace_origin") == "simulated"


def _read_picture(volume: Volume, height: float) -> tuple[NDArray[np.float32], float]:
    """One slice, `height` of the way up, and the brightness that is shown as white."""
    with h5py.File(volume.path) as file:
        target = np.asarray(file[str(volume.target_key)])
    head = target[target > 0.05 * target.max()]
    return target[round(height * (len(target) - 1))], float(np.percentile(head, _BRIGHTEST))
