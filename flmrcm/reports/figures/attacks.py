"""A figure of what an attack found: pictures, a ROC curve, or a table of guesses."""

from functools import singledispatch
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from flmrcm.attacks.attacked_run import Finding
from flmrcm.attacks.membership import Membership
from flmrcm.attacks.reconstructions import Reconstructions
from flmrcm.attacks.scoring import compute_auc, compute_roc
from flmrcm.attacks.site_inference import SiteGuesses
from flmrcm.reports.figures.style import apply_style, create_axes, make_looks

_DPI = 130
_MOST_ROWS = 6
_PANEL = 1.5  # inches
_LEAST_RATE = 0.01  # where the axes of a ROC curve begin


def draw_finding(finding: Finding, path: Path) -> None:
    """Write a finding's figure as PNG; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure = apply_style(_draw)(finding)
    figure.savefig(path, dpi=_DPI)


@singledispatch
def _draw(finding: Finding) -> Figure:
    raise TypeError(f"there is no figure of a {type(finding).__name__}")


@_draw.register
def _(finding: Reconstructions) -> Figure:
    """Draw a row for each image: itself, what each way made of it, and the nearest wrong image."""
    ways = {way: {one.name: one for one in made} for way, made in finding.ways.items()}
    last = list(finding.ways.values())[-1]
    shown = sorted(last, key=lambda one: -one.likeness.ssim)[:_MOST_ROWS]
    figure, axes = create_axes(len(shown), 2 + len(ways), _PANEL, _PANEL + 0.35)
    for row, one in zip(axes, shown, strict=True):
        truth, wrong = (finding.pool[n] for n in (one.likeness.truth, one.likeness.wrong))
        _show(row[0], truth, truth, one.name)
        for axis, made in zip(row[1:-1], ways.values(), strict=True):
            if found := made.get(one.name):  # another way may have held it to be another image
                like = found.likeness
                note = f"SSIM {like.ssim:.2f}, rank {like.rank} of {like.among}"
                _show(axis, found.image, truth, note)
            else:
                axis.set_axis_off()
        _show(row[-1], wrong, truth, f"SSIM {one.likeness.wrong_ssim:.2f} with the attack's")
    for axis, title in zip(axes[0], ["what the network saw", *ways, "nearest wrong"], strict=True):
        axis.set_title(title, fontweight="bold")
    return figure


@_draw.register
def _(finding: Membership) -> Figure:
    """Draw the ROC curves, both axes logarithmic, as Carlini et al. do: the left end counts."""
    figure, axes = create_axes(1, 1, 3.4, 3.2)
    axis: Axes = axes[0, 0]
    for name, look in make_looks(list(finding.scores)).items():
        members, others = finding.part(name)
        false, true = (np.maximum(rates, _LEAST_RATE) for rates in compute_roc(members, others))
        label = f"{name}, AUC {compute_auc(members, others):.2f}"
        axis.step(false, true, where="post", color=look.colour, ls=look.line, label=label)
    axis.plot([_LEAST_RATE, 1], [_LEAST_RATE, 1], color="#8C8C8C", lw=0.8, label="guessing")
    axis.set(xscale="log", yscale="log", xlim=(_LEAST_RATE, 1), ylim=(_LEAST_RATE, 1.05))
    axis.set_xlabel(f"share of {len(finding.others)} others accused")
    axis.set_ylabel(f"share of {len(finding.members)} members found")
    axis.legend(loc="lower right")
    return figure


@_draw.register
def _(finding: SiteGuesses) -> Figure:
    """Draw how often each site's update was ascribed to each site."""
    names = list(finding.sites)
    figure, axes = create_axes(1, 1, 0.6 * len(names) + 1.6, 0.5 * len(names) + 1.2)
    axis: Axes = axes[0, 0]
    axis.imshow(finding.counts, cmap="Greys", vmin=0, vmax=finding.counts.sum(1).max())
    for row, column in np.ndindex(finding.counts.shape):
        share = finding.counts[row, column] / finding.counts[row].sum()
        ink = "white" if share > 0.5 else "black"
        axis.text(
            column, row, str(finding.counts[row, column]), ha="center", va="center", color=ink
        )
    axis.set_xticks(range(len(names)), names, rotation=30, ha="right")
    axis.set_yticks(range(len(names)), names)
    axis.set(xlabel="ascribed to", ylabel="update of")
    axis.set_title(f"accuracy {finding.accuracy:.0%}, guessing {1 / len(names):.0%}")
    axis.grid(visible=False)
    return figure


def _show(axis: Axes, image: np.ndarray, truth: np.ndarray, note: str) -> None:
    """Show an image on the truth's brightness scale."""
    axis.imshow(image, cmap="gray", vmin=truth.min(), vmax=truth.max())
    axis.set_xticks([])
    axis.set_yticks([])
    axis.grid(visible=False)
    axis.spines[:].set_visible(False)
    axis.set_xlabel(note, fontsize=6)
    axis.set_anchor("N")
