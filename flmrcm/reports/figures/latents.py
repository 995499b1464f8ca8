"""Latents of all sites under each method, and how far the sites lie apart."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from flmrcm.reports.collected.comparison import Comparison
from flmrcm.reports.collected.finished_runs import Run
from flmrcm.reports.figures.embedding import COMPONENTS, embed_latents
from flmrcm.reports.figures.figure_writer import FigureOutcome, FigureWriter, draw_each_section
from flmrcm.reports.figures.journal_rows import group_runs
from flmrcm.reports.figures.saved_volumes import SavedLatents, read_latents
from flmrcm.reports.figures.style import (
    add_legend,
    assign_site_looks,
    create_axes,
    wrap_name,
)
from flmrcm.reports.numbers.latent_distance import compute_domain_accuracy, compute_pairwise_mmd

MAX_POINTS = 400
"""Slices drawn per method: t-SNE takes most of the time."""

_TITLE = "Latents of all sites"
_CAPTION = (
    "One point per slice, {points} slices of one run per method; the sites have equal shares as "
    "far as their slices go. PCA of standardised latents, and t-SNE of its first "
    "{components} components. Right: squared MMD of each two sites (unbiased, Gaussian kernel as "
    "wide as the median distance; about 0 if they can't be told apart), and how often logistic "
    "regression tells a slice's site, cross-validated over whole volumes, mean over sites."
)
_MISSING_REASON = (
    "No run saved latents of two sites with two slices each; flmrcm evaluate checkpoint=FILE "
    "'save=[reconstruction,target,input,latent]' does."
)


def draw_latents(comparison: Comparison, folder: Path) -> list[FigureOutcome]:
    """Draws one row per method: PCA, t-SNE, and the distances between sites as numbers."""
    return draw_each_section(_TITLE, _draw_figure, comparison, folder)


def choose_latents(methods: Mapping[str, Sequence[Run]]) -> dict[str, tuple[Run, SavedLatents]]:
    """Gives each method's first run with latents, and these; methods that align come last.

    The first is that of the alphabetically first target, so that methods which align have the
    same one, and of the lowest seed.
    """
    found: dict[str, tuple[Run, SavedLatents]] = {}
    for method, runs in methods.items():
        order = sorted(runs, key=lambda run: (run.aligned_with or "", run.seed, run.folder))
        for run in order:
            if cloud := read_latents(run, MAX_POINTS):
                found[method] = run, cloud
                break
    return dict(sorted(found.items(), key=lambda item: bool(item[1][0].aligned_with)))


def _draw_figure(page: FigureWriter) -> FigureOutcome:
    found = choose_latents(group_runs(page.comparison, page.section))
    if not found:
        return page.explain_missing(_TITLE, _MISSING_REASON)
    sites = sorted({site for _, cloud in found.values() for site in cloud.sites})
    figure, axes = create_axes(len(found), 3, 2.2, 2.1)
    distances = {
        method: compute_pairwise_mmd(c.latents, c.sites) for method, (_, c) in found.items()
    }
    # the unbiased estimate is below 0 where nothing tells sites apart, and a scale needs a length
    most = max(value for pairs in distances.values() for value in pairs.values())
    most = most if most > 0 else 1.0
    for row, (method, (run, cloud)) in zip(axes, found.items(), strict=True):
        _draw_points(row[:2], cloud, sites)
        _draw_distances(row[2], distances[method], sites, most)
        row[0].set_title(_format_name(method, run), fontweight="bold", loc="left")
        row[2].set_title(_format_accuracy(cloud), loc="left")
    add_legend(figure, assign_site_looks(sites), joined="")
    counts = sorted({len(cloud.sites) for _, cloud in found.values()})
    caption = _CAPTION.format(points=" or ".join(map(str, counts)), components=COMPONENTS)
    return page.write_figure(figure, "latents", _TITLE, caption)


def _draw_points(axes: Sequence[Axes], cloud: SavedLatents, sites: Sequence[str]) -> None:
    points = embed_latents(cloud.latents)
    _scatter_points(axes[0], points.pca, cloud, sites)
    _scatter_points(axes[1], points.tsne, cloud, sites)
    axes[0].set_xlabel(f"PCA, {sum(points.shares):.0%} of the variance")
    axes[1].set_xlabel("t-SNE")


def _scatter_points(
    axis: Axes, points: NDArray[np.float32], cloud: SavedLatents, sites: Sequence[str]
) -> None:
    labels = np.asarray(cloud.sites)
    for site, look in assign_site_looks(sites).items():
        here = points[labels == site]
        axis.scatter(*here.T, s=9, c=look.colour, marker=look.marker, alpha=0.7, lw=0)
    axis.set_xticks([])
    axis.set_yticks([])


def _draw_distances(
    axis: Axes, pairs: Mapping[tuple[str, str], float], sites: Sequence[str], most: float
) -> None:
    table, size = np.full((len(sites), len(sites)), np.nan), 6 if len(sites) <= 6 else 4.5
    for (a, b), value in pairs.items():
        row, column = sorted((sites.index(a), sites.index(b)), reverse=True)
        table[row, column] = value
        ink = "white" if value > 0.6 * most else "black"
        text = _format_distance(value)
        axis.text(column, row, text, ha="center", va="center", color=ink, fontsize=size)
    axis.imshow(table, cmap="Greys", vmin=0, vmax=most)
    for place, look in enumerate(assign_site_looks(sites).values()):
        # markers instead of names: eight names don't fit
        how: dict[str, Any] = {"color": look.colour, "marker": look.marker, "clip_on": False}
        if place:
            axis.plot(-0.06, place, transform=axis.get_yaxis_transform(), **how)
        if place < len(sites) - 1:
            axis.plot(place, -0.07, transform=axis.get_xaxis_transform(), **how)
    axis.set_xlim(-0.5, len(sites) - 1.5)
    axis.set_ylim(len(sites) - 0.5, 0.5)
    axis.set_xticks([])
    axis.set_yticks([])
    axis.spines[:].set_visible(False)
    axis.set_xlabel("squared MMD", labelpad=20)


def _format_distance(value: float) -> str:
    return f"{value:z.2f}".replace("-", "−")


def _format_accuracy(cloud: SavedLatents) -> str:
    accuracy = compute_domain_accuracy(cloud.latents, cloud.sites, cloud.volumes)
    if accuracy is None:
        return "sites told apart: not computed\n(needs two volumes of each)"
    return f"sites told apart: {accuracy:.2f}\n(chance {1 / len(set(cloud.sites)):.2f})"


def _format_name(method: str, run: Run) -> str:
    return wrap_name(f"{method}, aligned with {run.aligned_with}" if run.aligned_with else method)
