"""Figures of installed packages: `figure/NAME.yaml` among their configs names what draws."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from flmrcm.config.build import Builder
from flmrcm.config.conf_files import find_options
from flmrcm.config.search_path import tell_broken_plugins
from flmrcm.config.settings_file import read_settings
from flmrcm.reports.attempt import attempt
from flmrcm.reports.collected.comparison import Comparison
from flmrcm.reports.figures.figure_writer import Drawing, FailedFigure, FigureOutcome

_GROUP = "figure"


def list_own_figures() -> list[Drawing]:
    """Return the figures that installed plugins bring along, by name.

    `_target_` is a `Drawing`, other keys are further arguments of it. Whatever is wrong with one is
    said in its place in the report.
    """
    tell_broken_plugins()
    files = find_options(_GROUP)
    return [partial(_attempt, f"{_GROUP} {name}", file) for name, file in files.items()]


def _attempt(key: str, file: Path, comparison: Comparison, folder: Path) -> list[FigureOutcome]:
    def explain(error: str) -> list[FigureOutcome]:
        return [FailedFigure(key, f"It couldn't be drawn: {error}.")]

    given = {"comparison": comparison, "folder": folder}
    return attempt(lambda: _draw(key, read_settings(file), given), explain)


def _draw(key: str, node: dict[str, Any], given: Mapping[str, Any]) -> list[FigureOutcome]:
    builder = Builder()
    drawn = builder.build(key, node, list, **given)
    builder.raise_if_any()
    return drawn
