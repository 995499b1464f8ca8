"""A figure's way to disk: a PNG for screens, a PDF for papers, and the words that go with them."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from flmrcm.reports.attempt import attempt
from flmrcm.reports.collected.comparison import Comparison
from flmrcm.reports.figures.style import apply_style

DOTS_PER_INCH = 130


@dataclass(frozen=True)
class DrawnFigure:
    """A figure on disk.

    Attributes:
        title: for a heading, e.g. `Volumes at sim_b: unseen target, 4x`.
        caption: what is seen and how it was computed, in whole sentences.
        png: the picture.
        pdf: the same for papers, its fonts embedded.
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
        reason: why, and what would bring it, in whole sentences.
    """

    title: str
    reason: str


@dataclass(frozen=True)
class FailedFigure(MissingFigure):
    """A figure that isn't there because of an error, which its reason names."""


FigureOutcome = DrawnFigure | MissingFigure


@dataclass(frozen=True)
class FigureWriter:
    """Where the figure of one section goes, and what it is called.

    Args:
        comparison: whose section it shows.
        section: of the comparison; or part of its title, where one figure shows several.
        folder: for the files; made with its parents.
    """

    comparison: Comparison
    section: str
    folder: Path

    def write_figure(self, figure: Figure, kind: str, what: str, caption: str) -> DrawnFigure:
        """Writes a figure.

        Args:
            figure: to write; its layout is fixed afterwards.
            kind: the files' name, before that of the section.
            what: the title, before that of the section.
            caption: as `Drawn` has it.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        paths = [self.folder / f"{self._format_stem(kind)}.{suffix}" for suffix in ("png", "pdf")]
        figure.savefig(paths[0], dpi=DOTS_PER_INCH)
        figure.set_layout_engine("none")  # it took its time once, and both files shall be alike
        for axis in figure.axes:
            for image in axis.images:
                image.set_interpolation("none")  # a PDF keeps every pixel, for readers to zoom in
        figure.savefig(paths[1], dpi=DOTS_PER_INCH, metadata={"CreationDate": None})
        return DrawnFigure(self.title(what), caption, *paths)

    def attempt(self, what: str, draw: "SectionDrawing") -> FigureOutcome:
        """Return the figure that a function draws; an error costs this figure and no other.

        Args:
            what: the title, before that of the section.
            draw: draws the figure, in the style of all figures.
        """

        def explain(error: str) -> FigureOutcome:
            return FailedFigure(self.title(what), f"It couldn't be drawn: {error}.")

        return attempt(lambda: apply_style(draw)(self), explain)

    def explain_missing(self, what: str, reason: str) -> MissingFigure:
        """Tells why there's no figure."""
        return MissingFigure(self.title(what), reason)

    def title(self, what: str) -> str:
        """Gives `what`, and which section it's of where there are several."""
        return f"{what}: {name}" if (name := self._section_name) else what

    @property
    def _section_name(self) -> str:
        """`unseen target, 4x` for `unseen target: the judged site …, 4x`; none if there's one."""
        several = len(self.comparison.sections) > 1
        return re.sub(r":[^,]*", "", self.section) if several else ""

    def _format_stem(self, kind: str) -> str:
        words = [kind, re.sub(r"\W+", "_", self._section_name)]
        return "_".join(filter(None, words))


SectionDrawing = Callable[[FigureWriter], FigureOutcome]
"""Draws the figure of one section."""


def draw_each_section(
    what: str, draw: SectionDrawing, comparison: Comparison, folder: Path
) -> list[FigureOutcome]:
    """Return one figure for each section of a comparison.

    Args:
        what: the title, before that of the section.
        draw: draws the figure of one section.
        comparison: of runs.
        folder: for the files.
    """
    return [writer.attempt(what, draw) for writer in list_writers(comparison, folder)]


def list_writers(comparison: Comparison, folder: Path) -> Sequence[FigureWriter]:
    """Gives a page for each section."""
    return [FigureWriter(comparison, section, folder) for section in comparison.sections]
