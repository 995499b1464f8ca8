"""A prepared site on one HTML page that needs no other file."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jinja2 import Environment, FileSystemLoader
from rich.filesize import decimal

from flmrcm.data.h5 import Volume, read_header
from flmrcm.data.provenance import Provenance, read_provenance
from flmrcm.data.source import SPLITS
from flmrcm.errors import DataLayoutError
from flmrcm.files import write_atomically
from flmrcm.inspection.thumbnails import encode_data_uri, find_white_level, read_images
from flmrcm.inspection.volume_places import VolumePlace, find_volume_places
from flmrcm.seeding import seed_for

MOST_THUMBNAILS = 200

_SIDE = 128  # pixels of a thumbnail

_TEMPLATES = Path(__file__).parent


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


def write_overview(site_folder: Path, html: Path) -> None:
    """Write one self-contained page, complete or not at all: tables, and a thumbnail per volume.

    Of each volume the header, the attributes and one slice are read; intensities come from the
    attributes `max` and `norm`. Of more than 200 volumes a random sample is shown, with a note.

    Args:
        site_folder: folder of `<contrast>/<split>/<volume>.h5`, or of several such sites; the
            slice counts of its `manifest.json` are shown if there is one.
        html: the new file; parent folders are created.

    Raises:
        DataLayoutError: not a folder, or no `.h5` file in it.
    """
    places = sorted(find_volume_places(site_folder), key=_get_sort_key)
    entries = [entry for place in places if (entry := _read_entry(place)) is not None]
    sample = _draw_sample(entries)
    page = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True, trim_blocks=True)
    text = page.get_template("overview.html.j2").render(
        name=site_folder.resolve().name,
        n_volumes=len(places),
        n_broken=len(places) - len(entries),
        size=decimal(sum(place.path.stat().st_size for place in places)),
        tables=build_site_tables(entries, site_folder / "manifest.json"),
        sampling=_describe_sample(len(sample), len(entries)),
        groups=_group_thumbnails(sample),
        side=_SIDE,
    )
    write_atomically(html, text)


def build_site_tables(entries: Sequence[VolumeEntry], manifest: Path) -> list[SiteTable]:
    """Return the tables of a site.

    Args:
        entries: its readable volumes.
        manifest: `manifest.json` of a preparation; without it there is no table of slices.
    """
    tables = [_tabulate_counts(entries), _tabulate_sizes(entries), _tabulate_intensities(entries)]
    return [*tables, *_tabulate_slices(manifest)]


def _get_sort_key(place: VolumePlace) -> tuple[str, str, int]:
    # train, val, test instead of the alphabet; volumes without split come last
    return place.site, place.contrast, (*SPLITS, "").index(place.split)


def _read_entry(place: VolumePlace) -> VolumeEntry | None:
    try:
        return VolumeEntry(place, read_header(place.path, place.site), read_provenance(place.path))
    except DataLayoutError:
        return None


def _draw_sample(entries: Sequence[VolumeEntry]) -> list[VolumeEntry]:
    order = np.random.default_rng(seed_for("overview")).permutation(len(entries))
    return [entries[index] for index in sorted(order[:MOST_THUMBNAILS])]


def _describe_sample(n_shown: int, n: int) -> str:
    return "" if n_shown == n else f"A random sample: {n_shown} of {n} volumes."


def _group_thumbnails(entries: Sequence[VolumeEntry]) -> dict[str, list[dict[str, str]]]:
    groups: dict[str, list[dict[str, str]]] = {}
    for entry in entries:
        title = f"{entry.place.group}, {entry.place.split or 'no split'}"
        groups.setdefault(title, []).append(_make_thumbnail(entry))
    return groups


def _make_thumbnail(entry: VolumeEntry) -> dict[str, str]:
    n_slices = entry.header.shape[0]
    size = f"{n_slices} × {' × '.join(map(str, entry.target_shape))}"
    try:
        images = read_images(entry.header, [n_slices // 2], _SIDE)
    except DataLayoutError:
        images, size = np.zeros((1, 1, 1), np.float32), "no image to show"
    uri = encode_data_uri(images[0], find_white_level(images))
    return {"name": entry.place.path.stem, "size": size, "uri": uri}


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
