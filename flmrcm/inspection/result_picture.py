"""The picture of an inspection: a row per site and contrast, suspicious volumes in a frame."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from flmrcm.errors import DataLayoutError
from flmrcm.inspection.result_tables import InspectedVolume, group_volumes
from flmrcm.inspection.thumbnails import choose_evenly, read_images

MOST_ROWS = 24

_COLUMNS, _MOST_SUSPICIOUS = 8, 6  # volumes in a row, and suspicious ones among them
_PIXELS = 128  # longer side of a picture
_SIDE, _CAPTION, _TITLE, _GAP = 1.3, 0.32, 0.26, 0.06  # inches
_INK, _QUIET, _WARNING, _PAPER = "#f0f0f0", "#a8a8a8", "#ff6b5e", "#111111"
_LONGEST = 22  # characters of a name below a picture


def draw_inspection(volumes: Sequence[InspectedVolume], png: Path) -> None:
    """Write a PNG with the middle slices of up to eight volumes per row, clean ones first.

    A row has one brightness scale, that of its median volume. At most 24 rows are drawn; if there
    are more, the page says so.

    Args:
        volumes: at least one volume.
        png: the new file; parent folders are created.
    """
    groups = group_volumes(volumes)
    rows = dict(list(groups.items())[:MOST_ROWS])
    row_height = _TITLE + _SIDE + _CAPTION
    width = _COLUMNS * (_SIDE + _GAP) + _GAP
    figure = Figure((width, len(rows) * row_height + _TITLE), dpi=100, facecolor=_PAPER)
    part = f" (the first {MOST_ROWS} of {len(groups)} rows)" if len(groups) > MOST_ROWS else ""
    head = f"middle slices; the brightness of a row is that of its median volume{part}"
    _write_line(figure, (_GAP, 0.06), head, _QUIET)
    for row, (group, members) in enumerate(rows.items()):
        _draw_row(figure, _TITLE + row * row_height, group, members)
    png.parent.mkdir(parents=True, exist_ok=True)
    FigureCanvasAgg(figure).print_png(png)


def _draw_row(figure: Figure, top: float, group: str, members: Sequence[InspectedVolume]) -> None:
    """Draw one row, `top` inches below the upper edge of the page."""
    n_suspicious = sum(bool(member.suspicions) for member in members)
    plural = "" if len(members) == 1 else "s"
    origins = {m.facts.provenance.kspace_origin for m in members if m.facts.header}
    simulated = " (simulated)" if origins == {"simulated"} else ""
    title = f"{group}{simulated}: {len(members)} volume{plural}"
    title += f", {n_suspicious} suspicious" if n_suspicious else ""
    _write_line(figure, (_GAP, top + 0.06), title, _INK, 9)
    levels = [m.facts.measures.bright for m in members if m.facts.measures]
    white = float(np.median(levels)) if levels else 0.0
    for column, member in enumerate(choose_volumes(members)):
        left = _GAP + column * (_SIDE + _GAP)
        _draw_volume(_add_axes(figure, left, top + _TITLE), member, white or 1.0)
        below = top + _TITLE + _SIDE + 0.03
        kinds = ", ".join(dict.fromkeys(suspicion.kind for suspicion in member.suspicions))
        _write_line(figure, (left, below), _shorten(member.facts.place.path.stem), _QUIET, 7)
        _write_line(figure, (left, below + 0.13), _shorten(kinds), _WARNING, 7)


def choose_volumes(members: Sequence[InspectedVolume]) -> list[InspectedVolume]:
    """Return the volumes of a row: clean ones, evenly chosen, then suspicious ones of all kinds."""
    clean = [member for member in members if not member.suspicions]
    suspicious = _order_by_kind([member for member in members if member.suspicions])
    suspicious = suspicious[: _MOST_SUSPICIOUS if clean else _COLUMNS]
    room = _COLUMNS - len(suspicious)
    return [*(clean[index] for index in choose_evenly(len(clean), room)), *suspicious]


def _order_by_kind(members: Sequence[InspectedVolume]) -> list[InspectedVolume]:
    """Return suspicious volumes in another order: one of each kind before a second of any kind."""
    counts: Counter[str] = Counter()
    ranks: list[int] = []
    for member in members:
        kind = member.suspicions[0].kind
        ranks.append(counts[kind])
        counts[kind] += 1
    return [members[index] for index in sorted(range(len(ranks)), key=ranks.__getitem__)]


def _add_axes(figure: Figure, left: float, top: float) -> Axes:
    width, height = figure.get_size_inches()
    side = _SIDE / width, _SIDE / height
    axes = figure.add_axes((left / width, 1 - (top + _SIDE) / height, *side))
    axes.set(xticks=[], yticks=[], facecolor="black")
    return axes


def _draw_volume(axes: Axes, member: InspectedVolume, white: float) -> None:
    for spine in axes.spines.values():
        spine.set(color=_WARNING, linewidth=2, visible=bool(member.suspicions))
    header = member.facts.header
    try:
        if header is None:
            raise DataLayoutError("nothing to show")
        image = read_images(header, [header.shape[0] // 2], _PIXELS)[0]
    except DataLayoutError:
        # a cross in the place of an image that can't be read
        axes.plot([0, 1], [0, 1], [0, 1], [1, 0], color=_WARNING, linewidth=1)
        axes.set(xlim=(0, 1), ylim=(0, 1))
        return
    axes.imshow(image, cmap="gray", vmin=0, vmax=white)


def _write_line(
    figure: Figure, position: tuple[float, float], text: str, color: str, size: float = 8
) -> None:
    """Write a line of text; its position is in inches from the left and the upper edge."""
    left, top = position
    width, height = figure.get_size_inches()
    # file names may hold dollar signs: they are no formulas
    figure.text(
        left / width, 1 - top / height, text, color=color, fontsize=size, va="top",
        parse_math=False,
    )  # fmt: skip


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
