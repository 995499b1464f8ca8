"""Pictures of reconstructions and their errors, all on one scale."""

from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

ERROR_SHARE = 0.2
"""Error maps are white at this share of the target's maximum."""

_INK, _PAPER = "#e8e8e8", "#111111"


def draw_panel(volumes: Mapping[str, Path], path: Path, title: str = "") -> None:
    """Draws one slice: target, input and each method above, their errors below.

    Args:
        volumes: method → a saved volume, h5 with `target`, `input`, `reconstruction`; all of the
            same volume. The slice is the middle one.
        path: the PNG to write.
        title: above the picture.
    """
    draw_rows({"": volumes}, path, title)


def draw_rows(sites: Mapping[str, Mapping[str, Path]], path: Path, title: str = "") -> None:
    """Draws one slice per site: a row of images and a row of errors each.

    Args:
        sites: label → method → a saved volume, as `draw_panel` takes them.
        path: the PNG to write.
        title: above the picture.
    """
    methods = list(dict.fromkeys(method for volumes in sites.values() for method in volumes))
    figure = Figure(figsize=(2.1 * (2 + len(methods)), 4.3 * len(sites) + 0.5), facecolor=_PAPER)
    axes = figure.subplots(2 * len(sites), 2 + len(methods), squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for row, (label, volumes) in enumerate(sites.items()):
        _draw_site(axes[2 * row], axes[2 * row + 1], label, volumes, methods)
    heads = ["target", "zero-filled", *methods]
    for axis, head in zip(axes[0], heads, strict=True):
        axis.set_title(head, color=_INK, fontsize=10)
    note = f"errors: white at {ERROR_SHARE:.0%} of the target's maximum"
    figure.suptitle(f"{title}\n{note}" if title else note, color=_INK, fontsize=10)
    figure.tight_layout(pad=0.3, rect=(0, 0, 1, 0.99))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, facecolor=_PAPER)


def _draw_site(
    above: np.ndarray,
    below: np.ndarray,
    label: str,
    volumes: Mapping[str, Path],
    methods: list[str],
) -> None:
    first = _middle_slice(next(iter(volumes.values())))
    target, peak = first["target"], float(first["target"].max())
    images = [target, first["input"]]
    images += [_middle_slice(volumes[m])["reconstruction"] for m in methods if m in volumes]
    for axis, image in zip(above, images, strict=False):
        axis.imshow(image, cmap="gray", vmin=0, vmax=peak)
    _write_beside(below[0], label)
    for axis, image in zip(below[1:], images[1:], strict=False):
        error = np.abs(image - target)
        axis.imshow(error, cmap="inferno", vmin=0, vmax=ERROR_SHARE * peak)
        nmse = float((error**2).sum() / (target**2).sum())
        axis.set_title(f"NMSE {nmse:.4f}", color=_INK, fontsize=8, pad=2)


def _write_beside(axis: Axes, label: str) -> None:
    axis.text(0.5, 0.5, label, color=_INK, fontsize=11, ha="center", va="center")


def _middle_slice(path: Path) -> dict[str, np.ndarray]:
    with h5py.File(path, "r") as file:
        middle = file["reconstruction"].shape[0] // 2
        return {name: file[name][middle] for name in ("target", "input", "reconstruction")}
