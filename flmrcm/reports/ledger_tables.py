"""What a run sent and received: sums of its ledger, and whether the sites' ledgers agree."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.box import SIMPLE
from rich.table import Table
from rich.text import Text

from flmrcm.errors import FlmrcmError
from flmrcm.federation.journal import Journal
from flmrcm.middleware.ledger import FROM_SITE, LEDGER, TO_SITE, Ledger, LedgerEntry
from flmrcm.run_files import CONFIG, JOURNAL


def find_ledger_runs(folders: Iterable[Path]) -> list[Path]:
    """Return the runs with a ledger, at or below the folders, sorted."""
    parents = {path.parent for folder in folders for path in folder.rglob(LEDGER)}
    return sorted(run for run in parents if (run / CONFIG).exists())


def build_sums_table(entries: Sequence[LedgerEntry], title: str) -> Table:
    """Return objects and bytes by site, task and kind, in both directions, and their sums."""
    table = Table(
        title=Text(title), title_justify="left", box=SIMPLE, pad_edge=False, padding=(0, 1, 0, 0)
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
    """Return each distinct object once: its bytes, and how often it was sent in each direction."""
    table = Table(
        title=Text(title), title_justify="left", box=None, header_style="dim", collapse_padding=True
    )
    for head in ("task", "kind", "name", "shape, type", "bytes", "to site", "from site"):
        right = head in ("bytes", "to site", "from site")
        table.add_column(head, justify="right" if right else "left", overflow="fold")
    counts: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for entry in entries:
        shape = f"{entry.shape} {entry.dtype}".strip()
        counts[entry.op, entry.kind, entry.name, shape, f"{entry.bytes:,}"][entry.way] += 1
    before = ("", "")
    for (op, kind, *what), ways in counts.items():
        times = (f"{ways[way]:,}" if ways[way] else "–" for way in (TO_SITE, FROM_SITE))
        heads = ("" if op == before[0] else op, "" if (op, kind) == before else kind)
        table.add_row(*heads, *what, *times)
        before = (op, kind)
    return table


def compare_ledgers(run: Path, entries: Sequence[LedgerEntry]) -> str:
    """Return a line on whether the sites' ledgers hold the same objects as the coordinator's."""
    paths = sorted(run.glob(f"sites/*/{LEDGER}"))
    if not paths:
        return "This folder holds no site's ledger: each site keeps its own."
    try:
        at_sites = Counter(entry for path in paths for entry in Ledger(path).read())
    except FlmrcmError as error:
        return f"The ledgers can't be compared: {error}"
    here = Counter(entries)
    if at_sites == here:
        return f"The ledgers of both sides agree: {_format_counts(entries)}."
    only_sites, only_here = [*(at_sites - here).elements()], [*(here - at_sites).elements()]
    return (
        f"The ledgers differ. Only in the sites': {_format_counts(only_sites)}; only in the "
        f"coordinator's: {_format_counts(only_here)}. A call that a crash cut short is in the "
        "site's ledger alone."
    )


def describe_images_read(run: Path) -> str | None:
    """Return a line on images that were read in place, without a ledger; None where none were."""
    try:
        rows = Journal(run / JOURNAL).read()
    except FlmrcmError as error:
        return f"It isn't known whether images were read in place: {error}"
    n_bytes: Counter[str] = Counter()
    for row in rows:
        if row.metric == "bytes_seen/target_images":
            n_bytes[row.site] += int(row.value)
    if not n_bytes:
        return None
    readers = ", ".join(f"{site} {count:,}" for site, count in sorted(n_bytes.items()))
    return f"Not in the ledger, bytes of the target's images read in place: {readers}."


def _format_both_ways(entries: Sequence[LedgerEntry]) -> list[str]:
    cells: list[str] = []
    for to_site in (True, False):
        sizes = [entry.bytes for entry in entries if (entry.way == TO_SITE) == to_site]
        cells += [f"{len(sizes):,}", f"{sum(sizes):,}"] if sizes else ["–", "–"]
    return cells


def _format_counts(entries: Sequence[LedgerEntry]) -> str:
    return f"{len(entries):,} objects, {sum(entry.bytes for entry in entries):,} bytes"
