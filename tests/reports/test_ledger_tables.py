"""Sums of a ledger: every kind by its whole name, in a terminal of 80 columns."""

from io import StringIO

from rich.console import Console

from flmrcm.middleware.ledger import LedgerEntry
from flmrcm.reports.ledger_tables import build_sums_table

N_BYTES = 62_048_776


def test_long_names_fit_a_narrow_terminal():
    kinds = ("weights", "control_change")
    entries = [
        LedgerEntry(0, site, "validate", way, kind, "a", "3x4", "float32", N_BYTES)
        for site in ("fastmri", "sim_b")
        for way in ("to_site", "from_site")
        for kind in kinds
    ]
    console = Console(width=80, file=StringIO())
    console.print(build_sums_table(entries, "outputs/scaffold"))
    said = console.file.getvalue()
    assert all(word in said for word in ("fastmri", "control_change", f"{4 * N_BYTES:,}"))
    assert "…" not in said
