"""Header fields: tolerant of odd values, strict about what may be written."""

from pathlib import Path

import pytest
from dicom_files import common, plant
from pydicom import Dataset
from pydicom.uid import MRImageStorage

from flmrcm.data.prepare.dicom_fields import (
    acquisition,
    allowed_attributes,
    field,
    number,
    quiet,
    read_fields,
    text,
    words,
)
from flmrcm.data.prepare.scan import Skipped


def test_a_frames_own_group_comes_before_the_shared_one_and_the_top() -> None:
    dataset, frame, shared = Dataset(), Dataset(), Dataset()
    dataset.EffectiveEchoTime = 3.0
    assert number(dataset, "EffectiveEchoTime", 0) == 3
    shared.MREchoSequence = [Dataset()]
    shared.MREchoSequence[0].EffectiveEchoTime = 2.0
    dataset.SharedFunctionalGroupsSequence = [shared]
    assert number(dataset, "EffectiveEchoTime", 0) == 2
    frame.MREchoSequence = [Dataset()]
    frame.MREchoSequence[0].EffectiveEchoTime = 1.0
    dataset.PerFrameFunctionalGroupsSequence = [frame]
    assert number(dataset, "EffectiveEchoTime", 0) == 1
    assert number(dataset, "EffectiveEchoTime", 1) == 2


def test_what_is_missing_or_empty_is_none() -> None:
    dataset = Dataset()
    dataset.EchoTime = ""
    assert number(dataset, "EchoTime") is None
    assert field(dataset, "PixelSpacing") is None
    assert text(dataset, "SeriesDescription") == ""
    assert words(dataset, "ImageType") == ()


def test_one_word_is_a_list_of_one() -> None:
    dataset = Dataset()
    dataset.ScanningSequence = "SE"
    assert words(dataset, "ScanningSequence") == ("SE",)


def test_only_known_codes_and_makers_are_written() -> None:
    dataset = common("one", MRImageStorage)
    plant(dataset, "XYZZY")
    dataset.ScanningSequence = ["IR", "XYZZY", "GR"]
    assert acquisition(dataset) == "IR+GR"
    assert allowed_attributes(dataset) == {"field_strength_t": 3.0, "repetition_time_ms": 500.0}
    dataset.Manufacturer = "Philips Healthcare"
    assert allowed_attributes(dataset)["manufacturer"] == "philips"


def test_remarks_that_quote_a_value_stay_off_the_terminal(
    caplog: pytest.LogCaptureFixture,
) -> None:
    dataset = Dataset()
    with quiet():
        dataset.ImageType = "jane^doe"
    assert "jane" not in caplog.text
    with pytest.warns(UserWarning, match="jane"):
        dataset.ImageType = "jane^doe"
    assert "jane" in caplog.text


def test_no_dicom_file_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    path.write_bytes(b"x" * 1000)
    with pytest.raises(Skipped, match=r"a\.dcm: not a DICOM file"):
        read_fields(path)
