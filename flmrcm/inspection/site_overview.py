"""A prepared site on one HTML page that needs no other file."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jinja2 import Environment, FileSystemLoader
from rich.filesize import decimal

from flmrcm.data.h5 import read_header
from flmrcm.data.provenance import read_provenance
from flmrcm.data.source import SPLITS
from flmrcm.errors import DataLayoutError
from flmrcm.files import write_atomically
from flmrcm.inspection.site_tables import VolumeEntry, build_site_tables
from flmrcm.inspection.thumbnails import encode_data_uri, find_white_level, read_images
from flmrcm.inspection.volume_places import VolumePlace, find_volume_places
from flmrcm.seeding import seed_for

MOST_THUMBNAILS = 200

_SIDE = 128  # pixels of a thumbnail
_TEMPLATES = Path(__file__).parent


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
