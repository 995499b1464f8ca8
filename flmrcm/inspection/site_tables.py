"""The tables of a prepared site: numbers of volumes, sizes, intensities."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from flmrcm.data.h5 import Volume
from flmrcm.data.provenance import Provenance
from flmrcm.data.source import SPLITS
from flmrcm.inspection.volume_places import VolumePlace


class SiteTable(NamedTuple):
    """One table of the page, all cells as text.

    Attributes:
        title: heading above the table.
        heads: headings of the columns.
        rows: cells, row by row.
    """

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class VolumeEntry:
    """One volume without its images: its place, header and attributes."""

    place: VolumePlace
    header: Volume
    provenance: Provenance

    @property
    def target_shape(self) -> tuple[int, int]:
        """(height, width) of the target, or of the k-space if there is no target."""
        return self.header.target_shape or self.header.shape[2:]

    @property
    def rms(self) -> float | None:
        """Root mean square of the target, from the attribute `norm`; None without it."""
        n = self.header.shape[0] * int(np.prod(self.target_shape))
        return None if self.provenance.norm is None else self.provenance.norm / n**0.5


def build_site_tables(entries: Sequence[VolumeEntry], manifest: Path) -> list[SiteTable]:
    """Return the tables of a site.

    Args:
        entries: its readable volumes.
        manifest: `manifest.json` of a preparation; without it there is no table of slices.
    """
    tables = [_tabulate_counts(entries), _tabulate_sizes(entries), _tabulate_intensities(entries)]
    return [*tables, *_tabulate_slices(manifest)]


def _tabulate_counts(entries: Sequence[VolumeEntry]) -> SiteTable:
    rows: list[list[str]] = []
    for group, members in _group_entries(entries, lambda e: e.place.group):
        splits = [sum(e.place.split == split for e in members) for split in SPLITS]
        slices = sum(e.header.shape[0] for e in members)
        rows.append([group, *map(str, (*splits, len(members), slices))])
    return SiteTable("Volumes", ["", *SPLITS, "all", "slices"], rows)


def _tabulate_sizes(entries: Sequence[VolumeEntry]) -> SiteTable:
    rows: list[list[str]] = []
    for group, members in _group_entries(entries, lambda e: e.place.group):
        columns = [
            (str(e.header.shape[0]) for e in members),
            (str(e.header.shape[1]) for e in members),
            (_format_sizes(e.target_shape) for e in members),
            (_format_sizes(e.provenance.voxel_mm or ()) for e in members),
            (e.provenance.orientation for e in members),
            (e.provenance.kspace_origin for e in members),
        ]
        rows.append([group, *map(_format_most_common, columns)])
    heads = ["", "slices", "coils", "matrix", "voxel (mm)", "orientation", "k-space"]
    return SiteTable("Sizes", heads, rows)


def _tabulate_intensities(entries: Sequence[VolumeEntry]) -> SiteTable:
    rows: list[list[str]] = []
    for group, members in _group_entries(
        entries, lambda e: f"{e.place.group} {e.place.split}".strip()
    ):
        maxima = [e.provenance.maximum for e in members if e.provenance.maximum is not None]
        levels = [e.rms for e in members if e.rms is not None]
        rows.append([group, *_format_spread(maxima), *_format_spread(levels)])
    heads = ["", "median maximum", "range", "median RMS", "range"]
    return SiteTable("Intensities of the targets", heads, rows)


def _tabulate_slices(manifest: Path) -> Iterator[SiteTable]:
    try:
        slices = json.loads(manifest.read_text())["slices"]
        dropped = {f"dropped: {why}": n for why, n in slices["dropped"].items()}
        counts = {"kept": slices["kept"], **dropped}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return  # no manifest, or one of another program
    yield SiteTable(
        "Slices while preparing", ["", "slices"], [[k, f"{n}"] for k, n in counts.items()]
    )


def _group_entries(
    entries: Sequence[VolumeEntry], key: Callable[[VolumeEntry], str]
) -> Iterator[tuple[str, list[VolumeEntry]]]:
    groups: dict[str, list[VolumeEntry]] = {}
    for entry in entries:
        groups.setdefault(key(entry), []).append(entry)
    return iter(groups.items())


def _format_most_common(words: Iterable[str], most: int = 3) -> str:
    """Return the most frequent words with their counts: `3 (2), 4 (1)`; a single one alone."""
    counts = Counter(word or "unknown" for word in words)
    if len(counts) == 1:
        return next(iter(counts))
    frequent = [f"{word} ({n})" for word, n in counts.most_common(most)]
    return ", ".join(frequent) + (f", {len(counts) - most} more" if len(counts) > most else "")


def _format_sizes(numbers: Iterable[float]) -> str:
    return " × ".join(f"{number:.3g}" for number in numbers)


def _format_spread(values: Sequence[float]) -> tuple[str, str]:
    """Return median and range as text."""
    if not values:
        return "unknown", ""
    return f"{np.median(values):.3g}", f"{min(values):.3g} – {max(values):.3g}"
