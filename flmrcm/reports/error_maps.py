"""Pictures of reconstructions and their errors, all on one scale."""

from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np
from matplotlib.figure import Figure

from flmrcm.learning.metrics import ZERO_FILLED

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
    """Draws one row per site: target, input, each method, then the errors of the last two.

    Args:
        sites: label → method → a saved volume, as `draw_panel` takes them.
        path: the PNG to write.
        title: above the picture.
    """
    methods = list(dict.fromkeys(method for volumes in sites.values() for method in volumes))
    images = [ZERO_FILLED, *methods]
    heads = ["target", *images, *(f"error of {image}" for image in images)]
    size = 2.1 * len(heads), 2.35 * len(sites) + 0.6
    figure = Figure(figsize=size, facecolor=_PAPER, layout="constrained")
    axes = figure.subplots(len(sites), len(heads), squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for row, (label, volumes) in zip(axes, sites.items(), strict=True):
        _draw_site(row, label, volumes, methods)
    for axis, head in zip(axes[0], heads, strict=True):
        axis.set_title(f"{head}\n{axis.get_title()}".strip(), color=_INK, fontsize=10)
    note = f"error maps: white at {ERROR_SHARE:.0%} of the target's maximum"
    figure.suptitle(f"{title} ({note})" if title else note, color=_INK, fontsize=10)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, facecolor=_PAPER)


def _draw_site(
    axes: np.ndarray, label: str, volumes: Mapping[str, Path], methods: list[str]
) -> None:
    slices = {method: _middle_slice(path) for method, path in volumes.items()}
    first = next(iter(slices.values()))
    target, peak = first["target"], float(first["target"].max())
    # runs judged on other data can't stand in one row
    slices = {m: s for m, s in slices.items() if np.array_equal(s["target"], target)}
    images = {1 + methods.index(m): s["reconstruction"] for m, s in slices.items()}
    axes[0].imshow(target, cmap="gray", vmin=0, vmax=peak)
    for place, image in {0: first["input"], **images}.items():
        axes[1 + place].imshow(image, cmap="gray", vmin=0, vmax=peak)
        axis = axes[2 + len(methods) + place]
        error = np.abs(image - target)
        axis.imshow(error, cmap="inferno", vmin=0, vmax=ERROR_SHARE * peak)
        nmse = float((error**2).sum() / (target**2).sum())
        axis.set_title(f"NMSE {nmse:.4f}", color=_INK, fontsize=8, pad=3)
    axes[0].text(0.04, 0.93, label, color=_INK, fontsize=10, transform=axes[0].transAxes)


def _middle_slice(path: Path) -> dict[str, np.ndarray]:
    with h5py.File(path, "r") as file:
        volumes = {name: np.asarray(file[name]) for name in ("target", "input", "reconstruction")}
    return {name: volume[len(volume) // 2] for name, volume in volumes.items()}
