"""Tables of an inspection: a row per volume, a line per site, a line per suspicion."""

from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from kits.factories import write_site
from kits.inspection import inspect_folder
from rich.console import Console
from rich.table import Table

from flmrcm.inspection.result_tables import (
    build_summary_table,
    build_suspicion_table,
    build_volume_table,
    count_kinds,
)
from flmrcm.inspection.suspicions import Suspicion


def print_table(table: Table) -> str:
    console = Console(width=80, file=StringIO())
    console.print(table)
    return console.file.getvalue()


def test_a_row_per_volume_with_whole_numbers_and_without_patients(site: Path) -> None:
    table = build_volume_table(inspect_folder(site))
    assert len(table) == 6
    assert "patient_id" not in table
    csv = table.set_index("volume").to_csv()
    assert "site/T2/train/train_0.h5,site,T2,train," in csv
    row = table.set_index("volume").loc["site/T2/train/train_0.h5"]
    assert (row.slices, row.height, row.width) == (4, 20, 16)
    assert ",4,1,20,16,reconstruction_esc,20,16," in csv
    broken = table.set_index("volume").loc["site/T2/val/[red]broken.h5"]
    assert broken.suspicions.startswith("unreadable: not a readable HDF5")


def test_a_line_per_site_and_contrast(site: Path) -> None:
    lines = print_table(build_summary_table(inspect_folder(site))).splitlines()
    first, second = (line.split() for line in lines if "site T" in line)
    assert first[:6] == ["site", "T1", "1/0/1", "unknown", "1", "2×16×16"]
    assert second[:6] == ["site", "T2", "2/2/0", "unknown", "1", "3–4×20×16"]
    assert (first[-1], second[-1]) == ("none", "1")


@pytest.mark.parametrize(
    ("level", "text"),
    [(1.2345e-6, "1.23 (1.23–1.25) e-6"), (0.5, "0.5 (0.5–0.505)"), (3e4, "3 (3–3.03) e4")],
)
def test_very_large_and_small_intensities_leave_room_for_the_name_of_the_site(
    tmp_path: Path, level: float, text: str
) -> None:
    write_site(tmp_path / "st_marys", {"train": (2, 2), "val": (2,)})
    levels = (level, level, level * 1.01)
    volumes = [
        volume._replace(facts=replace(facts, measures=facts.measures._replace(bright=bright)))
        for bright, volume in zip(levels, inspect_folder(tmp_path), strict=True)
        if (facts := volume.facts).measures
    ]
    lines = print_table(build_summary_table(volumes))
    assert text in lines
    assert "st_marys" in lines


def test_a_file_name_that_looks_like_markup_is_printed_as_it_is(site: Path) -> None:
    assert "[red]broken.h5" in print_table(build_suspicion_table(inspect_folder(site)))
    assert count_kinds(inspect_folder(site)) == "1 unreadable"


def test_of_very_many_suspicions_only_the_first_are_printed(site: Path) -> None:
    volume = inspect_folder(site)[0]._replace(suspicions=[Suspicion("empty", "black")])
    assert "60 more are in inspection.csv" in print_table(build_suspicion_table([volume] * 100))
