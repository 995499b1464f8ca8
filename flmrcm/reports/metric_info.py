"""What reports know about a metric: its title, unit and digits, and which of two values is better.

The built-in metrics describe themselves. A run may describe its own in `metrics.json`:

    {"hfen": {"title": "HFEN", "unit": "", "digits": 3, "higher_is_better": false}}
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import isnan
from pathlib import Path
from typing import Any

from flmrcm.errors import DataLayoutError
from flmrcm.learning.metrics import DEFAULT_METRICS, describe_metrics
from flmrcm.run_files import METRICS

_MAX_DIGITS = 12


@dataclass(frozen=True)
class MetricInfo:
    """How a metric is shown.

    Attributes:
        name: in `scores.csv`.
        title: in tables and figures.
        unit: in brackets behind the title; empty where there is none.
        digits: behind the decimal point.
        higher_is_better: False where lower is; None where nobody knows, so that nothing is ranked.
        in_every_volume: False where some volumes have none, as those without a lesion.
    """

    name: str
    title: str
    unit: str = ""
    digits: int = 4
    higher_is_better: bool | None = None
    in_every_volume: bool = True

    @property
    def label(self) -> str:
        """The title with its unit: `PSNR (dB)`."""
        return f"{self.title} ({self.unit})" if self.unit else self.title

    def format(self, value: float) -> str:
        """Return a value as tables show it; in words where it isn't finite."""
        return "not finite" if isnan(value) else f"{value:.{self.digits}f}"

    def format_with_unit(self, value: float) -> str:
        """Return a value as it stands in a text: `25.67 dB`."""
        return self.format(value) + (f" {self.unit}" if self.unit and not isnan(value) else "")


BUILT_IN = {
    name: MetricInfo(name, **about) for name, about in describe_metrics(DEFAULT_METRICS).items()
}
"""The metrics that every run has, in the order of tables."""


def metric_info(name: str, described: Mapping[str, MetricInfo] | None = None) -> MetricInfo:
    """Return what is known about a metric; what runs say about it comes first."""
    return (described or {}).get(name) or BUILT_IN.get(name) or MetricInfo(name, name)


def sort_metrics(names: Iterable[str]) -> list[str]:
    """Return metrics in the order of tables: the built-in ones first, then by name."""
    found = set(names)
    return [name for name in BUILT_IN if name in found] + sorted(found - BUILT_IN.keys())


def read_metric_infos(folder: Path) -> dict[str, MetricInfo]:
    """Return what a run's `metrics.json` says, by name; nothing where there's no such file.

    Raises:
        DataLayoutError: it isn't what the first lines of this file show.
    """
    path = folder / METRICS
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {name: _parse(name, entry) for name, entry in content.items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise DataLayoutError(f"{path}: not a description of metrics ({error}).") from None


def merge_infos(described: Iterable[Mapping[str, MetricInfo]]) -> dict[str, MetricInfo]:
    """Return what several runs say about their metrics: the first that describes one counts.

    Where they disagree on which value is better, nothing is ranked.
    """
    merged: dict[str, MetricInfo] = {}
    for infos in described:
        for name, info in infos.items():
            first = merged.setdefault(name, info)
            if first.higher_is_better != info.higher_is_better:
                merged[name] = replace(first, higher_is_better=None)
    return merged


def _parse(name: str, entry: Mapping[str, Any]) -> MetricInfo:
    title, unit = entry.get("title", name), entry.get("unit", "")
    digits, higher_is_better = entry.get("digits", 4), entry.get("higher_is_better")
    in_every_volume = entry.get("in_every_volume", True)
    if not (isinstance(title, str) and isinstance(unit, str)):
        raise ValueError(f"{name}: title and unit are text")
    if type(digits) is not int or not 0 <= digits <= _MAX_DIGITS:
        raise ValueError(f"{name}: digits is a number from 0 to {_MAX_DIGITS}")
    if higher_is_better not in (True, False, None):
        raise ValueError(f"{name}: higher_is_better is true, false or null")
    if not isinstance(in_every_volume, bool):
        raise ValueError(f"{name}: in_every_volume is true or false")
    return MetricInfo(name, title, unit, digits, higher_is_better, in_every_volume)
