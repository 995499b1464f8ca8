"""Quality against bytes: what a method sends for what it gives."""

from collections.abc import Sequence
from math import isnan
from pathlib import Path

from flmrcm.learning.metrics import ZERO_FILLED
from flmrcm.reports.figures.figure_writer import DOTS_PER_INCH
from flmrcm.reports.figures.style import GREYS, add_legend, apply_style, create_axes, make_looks
from flmrcm.reports.leaderboard.standings import Board

CAPTION = (
    "PSNR (mean over sites, as in the tables) against the bytes that a run sends; bars: standard "
    "deviation over seeds.\nDotted: zero-filled."
)


@apply_style
def draw_quality(boards: Sequence[tuple[str, Board]], path: Path) -> None:
    """Draw one Axes for each board, a point for each method.

    Args:
        boards: of one task, each with its model.
        path: of the PNG; a PDF is written beside it.
    """
    names = {name for _, board in boards for name in board.results}
    looks = make_looks(sorted(names, key=str.casefold))
    figure, axes = create_axes(1, len(boards), 3.2, 2.6)
    for axis, (model, board) in zip(axes[0], boards, strict=True):
        for name in board.methods:
            (mean, spread), look = board.find_mean(name), looks[name]
            axis.errorbar(
                board.measure(name, "bytes") / 1e6, mean, 0.0 if isnan(spread) else spread,
                color=look.colour, marker=look.marker, capsize=2, lw=0.8,
            )  # fmt: skip
        axis.axhline(board.find_mean(ZERO_FILLED)[0], color=GREYS[0], ls=":", lw=1)
        axis.set_title(f"{model}, {board.setting}")
        axis.set_xlabel("MB sent in a run, both directions")
        most = max(board.measure(name, "bytes") for name in board.methods) / 1e6
        axis.set_xlim(0, 1.15 * most)  # from 0: a hundredth more must not look like twice as much
    axes[0, 0].set_ylabel("PSNR (dB)")
    add_legend(figure, looks, joined="")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DOTS_PER_INCH)
    figure.savefig(path.with_suffix(".pdf"), metadata={"CreationDate": None})
