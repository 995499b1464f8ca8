"""fastMRI's files: found by acquisition and scanner, combined, without any text of their header."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kits.factories import write_plain
from kits.raw_files import head, header, raw_kspace, write_raw
from numpy.testing import assert_allclose

from flmrcm.config.preparation import build_preparation, compose_preparation
from flmrcm.errors import ConfigErrors
from flmrcm.prepare.fastmri import FastmriSource
from flmrcm.prepare.scan import FoundVolume, Scan, UnusableVolume

ACQUISITIONS = {"T1": ["AXT1", "AXT1PRE"], "T2": ["AXT2"]}
NAME = "file_brain_{}_{}_{}".format


def source(folder: Path, **options: Any) -> FastmriSource:
    return FastmriSource(str(folder), ACQUISITIONS, **options)


def find(folder: Path, **options: Any) -> list[FoundVolume]:
    return [item for item in source(folder, **options).find() if isinstance(item, FoundVolume)]


def read_scan(folder: Path, **options: Any) -> Scan:
    (one,) = find(folder, **options)
    return source(folder, **options).read(one)


def test_acquisitions_become_contrasts_and_others_are_not_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for acquisition in ("AXT1", "AXT1PRE", "AXT1POST", "AXT2", "AXFLAIR"):
        write_raw(tmp_path, NAME(acquisition, 200, 6002217))
    caplog.set_level(logging.INFO)
    volumes = find(tmp_path)
    assert [(v.contrast, v.scan.split("_")[2]) for v in volumes] == [
        ("T1", "AXT1PRE"),
        ("T1", "AXT1"),
        ("T2", "AXT2"),
    ]
    assert "not used: 2 files of other acquisitions" in caplog.text
    assert [v.contrast for v in find(tmp_path, contrasts=["T2"])] == ["T2"]


def test_scans_of_one_patient_have_one_subject(tmp_path: Path) -> None:
    write_raw(tmp_path, NAME("AXT1", 200, 1), patient_id="p")
    write_raw(tmp_path, NAME("AXT2", 200, 2), patient_id="p")
    assert {volume.subject for volume in find(tmp_path)} == {"p"}


def test_scanners_can_be_sites(tmp_path: Path) -> None:
    write_raw(tmp_path, NAME("AXT1", 200, 1))
    write_raw(tmp_path, NAME("AXT1", 205, 2))
    assert [v.site for v in find(tmp_path)] == ["", ""]
    assert [v.site for v in find(tmp_path, split_by="scanner")] == ["fastMRI-200", "fastMRI-205"]


def test_without_attributes_the_name_of_the_file_is_used(tmp_path: Path) -> None:
    write_plain(tmp_path / f"{NAME('AXT2', 201, 77)}.h5", kspace=raw_kspace())
    (volume,) = find(tmp_path)
    assert (volume.contrast, volume.subject) == ("T2", "77")
    assert source(tmp_path, voxel_mm=(5, 1, 1)).read(volume).acquisition == "AXT2"


def test_one_name_is_a_list_of_one_and_must_match_completely(tmp_path: Path) -> None:
    write_raw(tmp_path, NAME("AXT1", 200, 1))
    write_raw(tmp_path, "own", acquisition="")
    for words, contrasts in {"AXT1PRE": [], "AXT1": ["T1"]}.items():
        one = FastmriSource(str(tmp_path), {"T1": words})
        assert [v.contrast for v in one.find() if isinstance(v, FoundVolume)] == contrasts


def test_combined_coils_have_the_magnitude_of_the_head_and_a_measured_phase(
    tmp_path: Path,
) -> None:
    write_raw(tmp_path, kspace=raw_kspace(slice(0, 32)))
    scan = read_scan(tmp_path)
    inside = head().abs().numpy() > 0
    assert (scan.image.dtype, scan.kspace_origin) == (np.complex64, "measured")
    assert_allclose(np.abs(scan.image)[inside], head().abs().numpy()[inside], rtol=0.05)


@pytest.mark.parametrize(
    ("coils", "shape", "origin"),
    [("rss", (2, 32, 24), "magnitude"), ("keep", (2, 4, 32, 24), "measured")],
)
def test_coils_can_be_summed_or_kept(
    tmp_path: Path, coils: str, shape: tuple[int, ...], origin: str
) -> None:
    write_raw(tmp_path)
    scan, combined = read_scan(tmp_path, coils=coils), read_scan(tmp_path)
    assert (scan.image.shape, scan.kspace_origin) == (shape, origin)
    assert (np.abs(combined.image) <= scan.magnitude * (1 + 1e-5)).all()


def test_no_text_of_the_header_is_in_the_scan(tmp_path: Path) -> None:
    write_raw(tmp_path, xml=header(name="XYZZY"), patient_name="XYZZY")
    scan = read_scan(tmp_path)
    assert "XYZZY" not in repr(scan)
    assert scan.attributes["field_strength_t"] == 2.89
    assert scan.orientation == "S??"


def test_a_file_that_cannot_be_opened_is_reported(tmp_path: Path) -> None:
    write_raw(tmp_path)
    (tmp_path / "file_brain_AXT1_200_2.h5").write_bytes(b"nothing")
    (skipped,) = [item for item in source(tmp_path).find() if isinstance(item, UnusableVolume)]
    assert "file_brain_AXT1_200_2.h5: not a readable HDF5 file" in str(skipped)


def test_all_config_problems_are_reported_together() -> None:
    with pytest.raises(ConfigErrors) as caught:
        FastmriSource("x", ACQUISITIONS, ["T3"], "combined", "scaner", [1, 0, 1])
    text = str(caught.value)
    assert "Did you mean 'combine'?" in text
    assert "Did you mean 'scanner'?" in text
    assert "contrasts=T3" in text
    assert "voxel_mm=[1, 0, 1]" in text


def test_knees_are_pd_and_pdfs_and_their_slices_have_no_known_direction(tmp_path: Path) -> None:
    for index, acquisition in enumerate(("CORPD_FBK", "CORPDFS_FBK")):
        write_raw(tmp_path, f"file100000{index}", acquisition=acquisition)
    words = ["source=fastmri", f"input={tmp_path}", "output=x", "contrasts=[PD,PDFS]"]
    knees = build_preparation(compose_preparation(words), print).preparation.source
    found = [item for item in knees.find() if isinstance(item, FoundVolume)]
    assert [v.contrast for v in found] == ["PD", "PDFS"]
    assert knees.read(found[0]).orientation == "???"
