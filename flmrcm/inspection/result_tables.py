"""The results of an inspection as tables: for the terminal, and one row per volume for a file."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from flmrcm.data.source import SPLITS
from flmrcm.inspection.suspicions import Suspicion
from flmrcm.inspection.volume_facts import VolumeFacts

_MOST_LINES = 40
_HEADS = (
    *("train/val\n/test", "patients", "coils", "slices and\nmatrix"),
    *("brightness:\nmedian (range)", "suspect"),
)


class InspectedVolume(NamedTuple):
    """One volume and its suspicions."""

    facts: VolumeFacts
    suspicions: Sequence[Suspicion]


def group_volumes(volumes: Sequence[InspectedVolume]) -> dict[str, list[InspectedVolume]]:
    """Return the volumes of each site and contrast."""
    groups: dict[str, list[InspectedVolume]] = {}
    for volume in volumes:
        groups.setdefault(volume.facts.place.group, []).append(volume)
    return groups


def count_kinds(volumes: Sequence[InspectedVolume]) -> str:
    """Return the number of volumes with each kind of suspicion as text: `2 empty, 1 clipped`."""
    counts = Counter(kind for volume in volumes for kind in {s.kind for s in volume.suspicions})
    return ", ".join(f"{n} {kind}" for kind, n in counts.most_common())


def build_volume_table(volumes: Sequence[InspectedVolume]) -> pd.DataFrame:
    """Return one row per volume: place, sizes, intensities, suspicions.

    It holds no patient ids, so the table may be given to others.
    """
    # without conversion a missing number would turn a column of counts into one of fractions
    return pd.DataFrame([_make_row(*volume) for volume in volumes]).convert_dtypes()


def build_summary_table(volumes: Sequence[InspectedVolume]) -> Table:
    """Return one line per site and contrast, for a terminal."""
    size = decimal(sum(volume.facts.n_bytes for volume in volumes))
    count = f"{len(volumes)} volume{'s' * (len(volumes) != 1)}"
    table = _make_table(f"{count}, {size}, by site and contrast")
    table.add_column("site", overflow="fold", min_width=8)
    for head in _HEADS:
        table.add_column(head, justify="right", no_wrap=True)
    for members in group_volumes(volumes).values():
        table.add_row(*_summarise_group(members))
    return table


def build_suspicion_table(volumes: Sequence[InspectedVolume]) -> Table:
    """Return one line per suspicion, at most 40 and the number of the others, for a terminal."""
    lines = [(v.facts.place.label, s) for v in volumes for s in v.suspicions]
    table = _make_table("suspicious volumes")
    for head in ("volume", "what"):
        table.add_column(head, overflow="fold")
    for label, suspicion in lines[:_MOST_LINES]:
        # plain text: the name of a file may look like markup
        table.add_row(Text(label), Text(suspicion.text, "yellow"))
    if len(lines) > _MOST_LINES:
        table.caption = f"{len(lines) - _MOST_LINES} more are in inspection.csv"
    return table


def _make_table(title: str) -> Table:
    """Return an empty table that is narrow enough for a terminal of 80 columns."""
    return Table(title=title, box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)


def _make_row(facts: VolumeFacts, suspicions: Sequence[Suspicion]) -> dict[str, Any]:
    place, header, measures = facts.place, facts.header, facts.measures
    provenance = facts.provenance
    slices, coils, rows, columns = header.shape if header else (None,) * 4
    height, width = facts.size or (None, None)
    row: dict[str, Any] = {
        "volume": place.label,
        "site": place.site,
        "contrast": place.contrast,
        "split": place.split,
        "bytes": facts.n_bytes,
        "slices": slices,
        "coils": coils,
        "rows": rows,
        "columns": columns,
        "target": header.target_key if header else None,
        "height": height,
        "width": width,
        "orientation": provenance.orientation,
        "kspace_origin": provenance.kspace_origin,
        "voxel_mm": "×".join(f"{mm:.4g}" for mm in provenance.voxel_mm or ()),
    }
    for name in ("n_slices", "minimum", "maximum", "mean", "bright", "n_broken", "top_share"):
        row[name] = getattr(measures, name, None)
    row["target_distance"] = (
        measures.agreement.distance if measures and measures.agreement else None
    )
    row["acquired_columns"] = facts.sampling.n_acquired if facts.sampling else None
    row["peak_rows_off"] = measures.peak.rows if measures else None
    row["peak_columns_off"] = measures.peak.columns if measures else None
    row["checksum"] = measures.checksum if measures else None
    row["suspicions"] = "; ".join(f"{kind}: {text}" for kind, text in suspicions)
    return row


def _summarise_group(members: Sequence[InspectedVolume]) -> Iterator[str | Text]:
    volumes = [member.facts for member in members]
    place = volumes[0].place
    yield Text(place.group)
    splits = Counter(facts.place.split for facts in volumes)
    yield "/".join(str(splits[split]) for split in SPLITS) if place.split else f"{len(volumes)}"
    patients = {facts.provenance.patient_id for facts in volumes} - {""}
    yield str(len(patients)) if patients else "unknown"
    headers = [facts.header for facts in volumes if facts.header]
    yield _format_range(header.shape[1] for header in headers)
    slices = _format_range(header.shape[0] for header in headers)
    yield f"{slices}×{_format_usual_size([facts.size for facts in volumes if facts.size])}"
    yield _format_brightness([facts.measures.bright for facts in volumes if facts.measures])
    n = sum(bool(member.suspicions) for member in members)
    yield Text(str(n), "bold yellow") if n else Text("none", "green")


def _format_range(numbers: Iterable[int]) -> str:
    distinct = sorted(set(numbers))
    if not distinct:
        return "–"
    return str(distinct[0]) if len(distinct) == 1 else f"{distinct[0]}–{distinct[-1]}"


def _format_usual_size(sizes: Sequence[tuple[int, int]]) -> str:
    """Return the most frequent size and the number of other sizes: `320×320 +2`."""
    counts = Counter(f"{height}×{width}" for height, width in sizes)
    (usual, _), *others = counts.most_common() or [("–", 0)]
    return f"{usual} +{len(others)}" if others else usual


def _format_brightness(levels: Sequence[float]) -> str:
    """Return `median (smallest–largest)`; very large or small values as `1.2 (1.1–1.3) e-6`."""
    if not levels:
        return "–"
    median = float(np.median(levels))
    power = math.floor(math.log10(median)) if 0 < median < math.inf else 0
    power = 0 if -3 <= power <= 3 else power
    middle, least, greatest = (f"{x / 10.0**power:.3g}" for x in (median, min(levels), max(levels)))
    return f"{middle} ({least}–{greatest})" + (f" e{power}" if power else "")
