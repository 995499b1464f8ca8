"""The choice of series, and the report about the others."""

from pathlib import Path

import pytest

from flmrcm.prepare.dicom_series import (
    DicomHeader,
    SkippedSeries,
    drop_unwanted_images,
    group_by_series,
    merge_skipped,
)
from flmrcm.prepare.scan import UnusableVolume

MR = "1.2.840.10008.5.1.4.1.1.4"
PLAIN = DicomHeader(
    Path("a"), "1.1", "1.1.1", "3", "1", "P1", "MR", MR, ("ORIGINAL", "PRIMARY", "M"), ("t1", "")
)


def with_name(name: str) -> tuple[DicomHeader, ...]:
    return (PLAIN._replace(names=(name, "")),)


@pytest.mark.parametrize("name", ["Localizer", "3-plane loc", "AAHead_Scout", "survey", "loc_t1"])
def test_localisers_have_many_names(name: str) -> None:
    with pytest.raises(SkippedSeries, match="localisers"):
        drop_unwanted_images(with_name(name), keep_derived=False)


@pytest.mark.parametrize("name", ["T1 local shim", "t1 velocity", "t2 blocked"])
def test_words_that_only_contain_loc_are_no_localisers(name: str) -> None:
    assert drop_unwanted_images(with_name(name), keep_derived=False) == with_name(name)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("ORIGINAL", "PRIMARY", "M", "VFRAME"), "UIH's mosaics .* one file for each slice"),
        (("ORIGINAL", "PRIMARY", "B0 MAP"), "maps, not magnitudes"),
    ],
)
def test_images_that_are_none_are_told_by_their_type(words: tuple[str, ...], reason: str) -> None:
    with pytest.raises(SkippedSeries, match=reason):
        drop_unwanted_images((PLAIN._replace(image_type=words),), keep_derived=True)


def test_only_the_unwanted_files_of_a_series_are_dropped() -> None:
    phase = PLAIN._replace(path=Path("b"), image_type=("ORIGINAL", "PRIMARY", "P"))
    assert drop_unwanted_images((PLAIN, phase), keep_derived=False) == (PLAIN,)


def test_without_a_class_the_modality_decides() -> None:
    assert drop_unwanted_images((PLAIN._replace(kind=""),), keep_derived=False)


def test_series_of_two_patients_with_one_uid_are_two() -> None:
    other = PLAIN._replace(patient="P2", instance="1.1.2")
    assert group_by_series([PLAIN, other, PLAIN]) == [(PLAIN,), (other,)]


def test_series_with_the_same_reason_share_a_line() -> None:
    unused: dict[UnusableVolume, tuple[DicomHeader, ...]] = {
        SkippedSeries("localisers"): (PLAIN, PLAIN)
    }
    unused |= {SkippedSeries("localisers"): (PLAIN._replace(number=str(n)),) for n in range(10, 16)}
    unused[UnusableVolume("no PatientID")] = (PLAIN,)
    lines = [str(line) for line in merge_skipped(unused)]
    assert lines == [
        "7 series, 8 files (SeriesNumber 3, 10, 11, 12, 13, …): localisers",
        "1 series, 1 file (SeriesNumber 3): no PatientID",
    ]
