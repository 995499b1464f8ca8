"""Latents of all sites by each method, and the distances between the sites."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.preprocessing import StandardScaler

from flmrcm.reports.collected.finished_runs import Run
from flmrcm.reports.figures.figure_writer import FigureOutcome, FigureWriter, for_each_section
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
"""Slices per method; t-SNE takes most of the time of a comparison."""

COMPONENTS = 50
"""Number of principal components that t-SNE starts from."""

_PERPLEXITY, _ITERATIONS = 30, 500

_CAPTION = (
    "One point per slice, {points} slices of one run per method, equally many of each site if it "
    "has so many. PCA of standardised latents, and t-SNE of its first {components} components. "
    "Right: squared MMD of each two sites (unbiased, Gaussian kernel as wide as the median "
    "distance; about 0, or a little below, if the sites don't differ), and the accuracy of a "
    "logistic regression that predicts a slice's site, cross-validated over whole volumes, mean "
    "over sites."
)
_MISSING_REASON = (
    "No run saved latents of two sites with two slices each; flmrcm evaluate checkpoint=FILE "
    "'save=[reconstruction,target,input,latent]' does."
)


@dataclass(frozen=True)
class Embedding:
    """The same points in two dimensions by two methods.

    Attributes:
        pca: the first two principal components, (point, 2).
        shares: the share of the variance in each of the two, in [0, 1].
        tsne: the t-SNE, (point, 2).
    """

    pca: NDArray[np.float32]
    shares: Sequence[float]
    tsne: NDArray[np.float32]


def choose_latents(methods: Mapping[str, Sequence[Run]]) -> dict[str, tuple[Run, SavedLatents]]:
    """Return one run with latents for each method, and its latents; aligning methods come last.

    The run is that of the alphabetically first target, so that aligning methods have the same one,
    and of the lowest seed.
    """
    choice: dict[str, tuple[Run, SavedLatents]] = {}
    for method, runs in methods.items():
        order = sorted(runs, key=lambda run: (run.aligned_with or "", run.seed, run.folder))
        for run in order:
            if points := read_latents(run, MAX_POINTS):
                choice[method] = run, points
                break
    return dict(sorted(choice.items(), key=lambda item: bool(item[1][0].aligned_with)))


@for_each_section("Latents of all sites")
def draw_latents(writer: FigureWriter) -> FigureOutcome:
    """Draw one row per method: PCA, t-SNE, and the distances between sites."""
    choice = choose_latents(group_runs(writer.section))
    if not choice:
        return writer.explain_missing(_MISSING_REASON)
    sites = sorted({site for _, points in choice.values() for site in points.sites})
    figure, axes = create_axes(len(choice), 3, 2.2, 2.1)
    distances = {
        method: compute_pairwise_mmd(points.latents, points.sites)
        for method, (_, points) in choice.items()
    }
    largest = max(value for pairs in distances.values() for value in pairs.values())
    # the unbiased estimate is below 0 where sites don't differ, but a scale can't end there
    end = largest if largest > 0 else 1.0
    for axes_row, (method, (run, points)) in zip(axes, choice.items(), strict=True):
        _draw_points(axes_row[:2], points, sites)
        _draw_distances(axes_row[2], distances[method], sites, end)
        axes_row[0].set_title(_format_name(method, run), fontweight="bold", loc="left")
        axes_row[2].set_title(_format_accuracy(points), loc="left")
    add_legend(figure, assign_site_looks(sites), joined="")
    counts = sorted({len(points.sites) for _, points in choice.values()})
    caption = _CAPTION.format(points=" or ".join(map(str, counts)), components=COMPONENTS)
    return writer.write_figure(figure, "latents", caption)


def embed_latents(latents: NDArray[np.float32]) -> Embedding:
    """Return the PCA and the t-SNE of standardised latents.

    The same latents always give the same points (van der Maaten & Hinton, JMLR 9, 2008).

    Args:
        latents: (point, latent_size), at least 4 points.
    """
    scaled = StandardScaler().fit_transform(latents)
    if not scaled.any():  # equal latents have no principal direction
        flat = np.zeros((len(latents), 2), np.float32)
        return Embedding(flat, (0.0, 0.0), flat)
    pca = PCA(min(COMPONENTS, *scaled.shape), random_state=0)
    points = pca.fit_transform(scaled)
    perplexity = min(_PERPLEXITY, (len(points) - 1) / 3)
    tsne = TSNE(perplexity=perplexity, max_iter=_ITERATIONS, init="pca", random_state=0)
    shares = pca.explained_variance_ratio_[:2].tolist()
    return Embedding(points[:, :2], shares, tsne.fit_transform(points))


def _draw_points(axes: Sequence[Axes], points: SavedLatents, sites: Sequence[str]) -> None:
    embedding = embed_latents(points.latents)
    _scatter_points(axes[0], embedding.pca, points.sites, sites)
    _scatter_points(axes[1], embedding.tsne, points.sites, sites)
    axes[0].set_xlabel(f"PCA, {sum(embedding.shares):.0%} of the variance")
    axes[1].set_xlabel("t-SNE")


def _scatter_points(
    axis: Axes, points: NDArray[np.float32], labels: Sequence[str], sites: Sequence[str]
) -> None:
    """Draw points, (point, 2), with the looks of the sites in `labels`, (point,)."""
    for site, look in assign_site_looks(sites).items():
        own = points[np.asarray(labels) == site]
        axis.scatter(*own.T, s=9, c=look.colour, marker=look.marker, alpha=0.7, lw=0)
    axis.set_xticks([])
    axis.set_yticks([])


def _draw_distances(
    axis: Axes, pairs: Mapping[tuple[str, str], float], sites: Sequence[str], end: float
) -> None:
    """Draw the squared MMD of each pair of sites on a scale from 0 to `end`."""
    table, size = np.full((len(sites), len(sites)), np.nan), 6 if len(sites) <= 6 else 4.5
    for (a, b), value in pairs.items():
        row, column = sorted((sites.index(a), sites.index(b)), reverse=True)
        table[row, column] = value
        ink = "white" if value > 0.6 * end else "black"
        text = _format_distance(value)
        axis.text(column, row, text, ha="center", va="center", color=ink, fontsize=size)
    axis.imshow(table, cmap="Greys", vmin=0, vmax=end)
    for position, look in enumerate(assign_site_looks(sites).values()):
        # markers instead of names: eight names don't fit
        style: dict[str, Any] = {"color": look.colour, "marker": look.marker, "clip_on": False}
        if position:
            axis.plot(-0.06, position, transform=axis.get_yaxis_transform(), **style)
        if position < len(sites) - 1:
            axis.plot(position, -0.07, transform=axis.get_xaxis_transform(), **style)
    axis.set_xlim(-0.5, len(sites) - 1.5)
    axis.set_ylim(len(sites) - 0.5, 0.5)
    axis.set_xticks([])
    axis.set_yticks([])
    axis.spines[:].set_visible(False)
    axis.set_xlabel("squared MMD", labelpad=20)


def _format_distance(value: float) -> str:
    return f"{value:z.2f}".replace("-", "−")


def _format_accuracy(points: SavedLatents) -> str:
    accuracy = compute_domain_accuracy(points.latents, points.sites, points.volumes)
    if accuracy is None:
        return "site accuracy: not computed\n(needs two volumes of each)"
    return f"site accuracy: {accuracy:.2f}\n(chance {1 / len(set(points.sites)):.2f})"


def _format_name(method: str, run: Run) -> str:
    return wrap_name(f"{method}, aligned with {run.aligned_with}" if run.aligned_with else method)
