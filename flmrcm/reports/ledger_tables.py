"""What crossed a run's borders: sums of its ledger, and whether both sides' books agree."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.box import SIMPLE
from rich.table import Table

from flmrcm.errors import FlmrcmError
from flmrcm.federation.journal import Journal
from flmrcm.middleware.ledger import FROM_SITE, LEDGER, TO_SITE, Ledger, LedgerEntry
from flmrcm.run_files import CONFIG, JOURNAL


def find_ledger_runs(folders: Iterable[Path]) -> list[Path]:
    """Gives the runs below folders that keep a ledger, sorted; a folder may be a run itself."""
    found = {path.parent for folder in folders for path in folder.rglob(LEDGER)}
    return sorted(run for run in found if (run / CONFIG).exists())


def build_sums_table(entries: Sequence[LedgerEntry], title: str) -> Table:
    """Gives objects and bytes by site, task and kind, each way, with a sum for each site."""
    table = Table(
        title=title, title_justify="left", box=SIMPLE, pad_edge=False, padding=(0, 1, 0, 0)
    )
    for head in ("site", "task", "kind"):
        table.add_column(head, overflow="fold")
    for way in ("to it", "from it"):
        table.add_column(f"objects\n{way}", justify="right")
        table.add_column(f"bytes\n{way}", justify="right", no_wrap=True)
    groups: dict[tuple[str, str, str], list[LedgerEntry]] = defaultdict(list)
    for entry in entries:
        groups[entry.site, entry.op, entry.kind].append(entry)
    sites = dict.fromkeys(site for site, _, _ in sorted(groups))
    for site in sites:
        own = [key for key in groups if key[0] == site]
        for number, key in enumerate(own):
            head = site if number == 0 else ""
            table.add_row(head, *key[1:], *_format_both_ways(groups[key]))
        of_site = [entry for key in own for entry in groups[key]]
        table.add_row("", "all", "", *_format_both_ways(of_site), style="bold", end_section=True)
    table.add_row("all", "", "", *_format_both_ways(entries), style="bold")
    return table


def build_objects_table(entries: Sequence[LedgerEntry], title: str) -> Table:
    """Gives each distinct object once: its bytes, and how often it crossed each way."""
    table = Table(
        title=title, title_justify="left", box=None, header_style="dim", collapse_padding=True
    )
    for head in ("task", "kind", "name", "shape, type", "bytes", "to site", "from site"):
        right = head in ("bytes", "to site", "from site")
        table.add_column(head, justify="right" if right else "left", overflow="fold")
    crossed: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for entry in entries:
        shape = f"{entry.shape} {entry.dtype}".strip()
        crossed[entry.op, entry.kind, entry.name, shape, f"{entry.bytes:,}"][entry.way] += 1
    before = ("", "")
    for (op, kind, *what), ways in crossed.items():
        times = (f"{ways[way]:,}" if ways[way] else "–" for way in (TO_SITE, FROM_SITE))
        heads = ("" if op == before[0] else op, "" if (op, kind) == before else kind)
        table.add_row(*heads, *what, *times)
        before = (op, kind)
    return table


def compare_ledgers(run: Path, entries: Sequence[LedgerEntry]) -> str:
    """Says whether the sites' own books hold the same objects as the coordinator's."""
    paths = sorted(run.glob(f"sites/*/{LEDGER}"))
    if not paths:
        return "No site's book lies in this folder: each site keeps its own."
    try:
        own = Counter(entry for path in paths for entry in Ledger(path).read())
    except FlmrcmError as error:
        return f"The books can't be compared: {error}"
    booked = Counter(entries)
    if own == booked:
        return f"Both books agree: {_format_counts(entries)}."
    at_sites, here = list((own - booked).elements()), list((booked - own).elements())
    return (
        f"The books differ. Only the sites': {_format_counts(at_sites)}; only the coordinator's: "
        f"{_format_counts(here)}. A call cut short by a crash stands in the site's book alone."
    )


def describe_images_read(run: Path) -> str | None:
    """Says whose images were read in place, beside any ledger; None where none were."""
    try:
        rows = Journal(run / JOURNAL).read()
    except FlmrcmError as error:
        return f"Whether images were read in place can't be told: {error}"
    seen: Counter[str] = Counter()
    for row in rows:
        if row.metric == "bytes_seen/target_images":
            seen[row.site] += int(row.value)
    if not seen:
        return None
    readers = ", ".join(f"{site} {n_bytes:,}" for site, n_bytes in sorted(seen.items()))
    return f"Beside the ledger, bytes of the target's images read in place: {readers}."


def _format_both_ways(entries: Sequence[LedgerEntry]) -> list[str]:
    cells: list[str] = []
    for to_site in (True, False):
        sizes = [entry.bytes for entry in entries if (entry.way == TO_SITE) == to_site]
        cells += [f"{len(sizes):,}", f"{sum(sizes):,}"] if sizes else ["–", "–"]
    return cells


def _format_counts(entries: Sequence[LedgerEntry]) -> str:
    return f"{len(entries):,} objects, {sum(entry.bytes for entry in entries):,} bytes"
