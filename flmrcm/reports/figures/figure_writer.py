"""How figures are written: a PNG for screens, a PDF for papers, a title and a caption."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path

from matplotlib.figure import Figure

from flmrcm.reports.attempt import attempt
from flmrcm.reports.collected.comparison import Comparison, Section
from flmrcm.reports.figures.style import apply_style

DOTS_PER_INCH = 200
"""Of PNGs: sharp on a screen of twice the density, and in a draft's print."""


@dataclass(frozen=True)
class DrawnFigure:
    """A figure on disk.

    Attributes:
        title: such as `Reconstructions at sim_b: unseen target, 4x`.
        caption: what is shown and how it was computed, in whole sentences.
        png: for screens.
        pdf: the same figure for papers, with its fonts.
    """

    title: str
    caption: str
    png: Path
    pdf: Path


@dataclass(frozen=True)
class MissingFigure:
    """A figure that isn't there.

    Attributes:
        title: as that of a `DrawnFigure`.
        reason: why, and which command makes it possible, in whole sentences.
    """

    title: str
    reason: str


@dataclass(frozen=True)
class FailedFigure(MissingFigure):
    """A figure that isn't there because of an error; the reason is the error."""


FigureOutcome = DrawnFigure | MissingFigure


@dataclass(frozen=True)
class FigureWriter:
    """Writes a figure of one section.

    Args:
        section: of a comparison; with a part of its title, where a figure shows several sections.
        folder: for the files; made with its parents.
        what: the first part of the title; the section is the second.
    """

    section: Section
    folder: Path
    what: str

    @property
    def comparison(self) -> Comparison:
        """The comparison that its section is a part of."""
        return self.section.comparison

    def write_figure(self, figure: Figure, kind: str, caption: str) -> DrawnFigure:
        """Write a figure.

        Args:
            figure: to write; its layout is fixed afterwards.
            kind: the first part of the files' names; the section is the second.
            caption: what is shown and how it was computed.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        paths = [self.folder / f"{self._format_stem(kind)}.{suffix}" for suffix in ("png", "pdf")]
        figure.savefig(paths[0], dpi=DOTS_PER_INCH)
        figure.set_layout_engine("none")  # laying out again takes time and may move things
        for axis in figure.axes:
            for image in axis.images:
                image.set_interpolation("none")  # so that readers can zoom to single pixels
        figure.savefig(paths[1], dpi=DOTS_PER_INCH, metadata={"CreationDate": None})
        return DrawnFigure(self.title, caption, *paths)

    def attempt(self, draw: "SectionDrawing") -> FigureOutcome:
        """Return what a function draws in the style of all figures; an error costs this figure."""

        def explain(error: str) -> FigureOutcome:
            return FailedFigure(self.title, f"It couldn't be drawn: {error}.")

        return attempt(lambda: apply_style(draw)(self), explain)

    def explain_missing(self, reason: str) -> MissingFigure:
        """Return the reason why there's no figure."""
        return MissingFigure(self.title, reason)

    @property
    def title(self) -> str:
        """What is shown, with the name of the section where there are several."""
        return ": ".join(filter(None, [self.what, self._section_name]))

    @property
    def _section_name(self) -> str:
        """The section's title without its explanation; empty if there's one section only.

        `unseen target, 4x` for `unseen target: the tested site took no part in training, 4x`.
        """
        several = len(self.comparison.sections) > 1
        return re.sub(r":[^,]*", "", self.section.title) if several else ""

    def _format_stem(self, kind: str) -> str:
        words = [kind, re.sub(r"\W+", "_", self._section_name)]
        return "_".join(filter(None, words))


SectionDrawing = Callable[[FigureWriter], FigureOutcome]
"""Draws the figure of one section."""

Drawing = Callable[[Comparison, Path], list[FigureOutcome]]
"""Draws one kind of figure into a folder; returns what was drawn, or why it wasn't."""


def for_each_section(what: str) -> Callable[[SectionDrawing], Drawing]:
    """Return a decorator: what draws the figure of one section then draws those of all.

    Args:
        what: the first part of the title; the section is the second.
    """

    def decorate(draw: SectionDrawing) -> Drawing:
        @wraps(draw)
        def draw_all(comparison: Comparison, folder: Path) -> list[FigureOutcome]:
            return [FigureWriter(s, folder, what).attempt(draw) for s in comparison.sections]

        return draw_all

    return decorate
