"""Header fields: odd values are accepted, but only an allow-list is written."""

from pathlib import Path

import pytest
from kits.dicom_files import common, write_everywhere
from pydicom import Dataset
from pydicom.uid import MRImageStorage

from flmrcm.prepare.dicom_fields import (
    get_field,
    get_number,
    get_text,
    get_words,
    read_acquisition,
    read_allowed_attributes,
    read_fields,
    silence_pydicom,
)
from flmrcm.prepare.scan import UnusableVolume


def test_a_frames_own_group_comes_before_the_shared_one_and_the_top() -> None:
    dataset, frame, shared = Dataset(), Dataset(), Dataset()
    dataset.EffectiveEchoTime = 3.0
    assert get_number(dataset, "EffectiveEchoTime", 0) == 3
    shared.MREchoSequence = [Dataset()]
    shared.MREchoSequence[0].EffectiveEchoTime = 2.0
    dataset.SharedFunctionalGroupsSequence = [shared]
    assert get_number(dataset, "EffectiveEchoTime", 0) == 2
    frame.MREchoSequence = [Dataset()]
    frame.MREchoSequence[0].EffectiveEchoTime = 1.0
    dataset.PerFrameFunctionalGroupsSequence = [frame]
    assert get_number(dataset, "EffectiveEchoTime", 0) == 1
    assert get_number(dataset, "EffectiveEchoTime", 1) == 2


def test_a_missing_or_empty_field_is_none() -> None:
    dataset = Dataset()
    dataset.EchoTime = ""
    assert get_number(dataset, "EchoTime") is None
    assert get_field(dataset, "PixelSpacing") is None
    assert get_text(dataset, "SeriesDescription") == ""
    assert get_words(dataset, "ImageType") == ()


def test_one_word_is_a_list_of_one() -> None:
    dataset = Dataset()
    dataset.ScanningSequence = "SE"
    assert get_words(dataset, "ScanningSequence") == ("SE",)


def test_only_known_codes_and_manufacturers_are_written() -> None:
    dataset = common("one", MRImageStorage)
    write_everywhere(dataset, "XYZZY")
    dataset.ScanningSequence = ["IR", "XYZZY", "GR"]
    assert read_acquisition(dataset) == "IR+GR"
    assert read_allowed_attributes(dataset) == {
        "field_strength_t": 3.0,
        "repetition_time_ms": 500.0,
    }
    dataset.Manufacturer = "Philips Healthcare"
    assert read_allowed_attributes(dataset)["manufacturer"] == "philips"


def test_warnings_that_quote_a_value_are_not_printed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    dataset = Dataset()
    with silence_pydicom():
        dataset.ImageType = "jane^doe"
    assert "jane" not in caplog.text
    with pytest.warns(UserWarning, match="jane"):
        dataset.ImageType = "jane^doe"
    assert "jane" in caplog.text


def test_another_file_is_called_no_dicom_file(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    path.write_bytes(b"x" * 1000)
    with pytest.raises(UnusableVolume, match=r"a\.dcm: not a DICOM file"):
        read_fields(path)
