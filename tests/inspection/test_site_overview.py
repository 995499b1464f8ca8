"""The page of a prepared site: correct counts, a picture of each volume, and no other file."""

import json
import re
from pathlib import Path

import h5py
import pytest
from kits.factories import write_site

from flmrcm.errors import DataLayoutError
from flmrcm.inspection import site_overview
from flmrcm.inspection.site_overview import write_overview


def page(folder: Path) -> str:
    write_overview(folder, folder / "new" / "overview.html")
    return (folder / "new" / "overview.html").read_text()


def cells(text: str, title: str) -> list[list[str]]:
    """Return the cells of a table, row by row, without its headings."""
    table = text.split(f"<h2>{title}</h2>")[1].split("</table>")[0]
    rows = re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL)
    return [re.findall(r"<td>(.*?)</td>", row) for row in rows[1:]]


def test_the_tables_show_counts_sizes_and_intensities(tmp_path: Path) -> None:
    site = write_site(tmp_path / "site", {"train": (4, 3), "val": (3,)}, size=(20, 16))
    for path in site.rglob("*.h5"):
        with h5py.File(path, "r+") as file:
            file.attrs.update(orientation="SPL", voxel_mm=[3, 1, 1], max=2.0, norm=30.0)
    text = page(site)
    assert cells(text, "Volumes") == [["site T1", "2", "1", "0", "3", "10"]]
    (sizes,) = cells(text, "Sizes")
    expected = ["site T1", "3 (2), 4 (1)", "1", "20 × 16", "3 × 1 × 1", "SPL", "unknown"]
    assert sizes == expected
    train, val = cells(text, "Intensities of the targets")
    assert train[0].endswith("train")
    assert val[:3] == ["site T1 val", "2", "2 – 2"]
    assert float(val[3]) == pytest.approx(30 / (3 * 20 * 16) ** 0.5, rel=0.01)


def test_it_needs_no_other_file_and_shows_every_volume(tmp_path: Path) -> None:
    text = page(write_site(tmp_path / "site"))
    sources = re.findall(r'(?:src|href)="(.*?)"', text)
    assert len(sources) == 4
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)
    assert text.count('loading="lazy"') == 4
    assert "sample" not in text
    assert "@import" not in text


def test_of_many_volumes_a_random_sample_is_shown_with_a_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site_overview, "MOST_THUMBNAILS", 3)
    site = write_site(tmp_path / "site", {"train": (1,) * 9})
    text = page(site)
    assert text.count("<img") == 3
    assert "A random sample: 3 of 9 volumes." in text
    assert page(site) == text


def test_the_slice_counts_of_a_manifest_are_shown(tmp_path: Path) -> None:
    site = write_site(tmp_path / "site")
    assert "Slices while preparing" not in page(site)
    manifest = {"slices": {"kept": 13, "dropped": {"too little foreground": 7}}}
    (site / "manifest.json").write_text(json.dumps(manifest))
    rows = [["kept", "13"], ["dropped: too little foreground", "7"]]
    assert cells(page(site), "Slices while preparing") == rows
    (site / "manifest.json").write_text('{"slices": 3}')
    assert "Slices while preparing" not in page(site)


def test_a_broken_volume_is_counted_and_the_others_are_shown(tmp_path: Path) -> None:
    site = write_site(tmp_path / "site")
    (site / "T1" / "train" / "broken.h5").write_text("nothing")
    text = page(site)
    assert text.count("<img") == 4
    assert "5 volumes" in text
    assert "1 can't be read" in text


def test_a_file_name_that_looks_like_markup_is_shown_as_it_is(tmp_path: Path) -> None:
    site = write_site(tmp_path / "site", {"train": (1,)})
    (path,) = site.rglob("*.h5")
    path.rename(path.with_name("<b>bold.h5"))
    assert "&lt;b&gt;bold" in page(site)


def test_a_folder_without_volumes_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(DataLayoutError, match=r"holds no \.h5 files"):
        page(tmp_path)
