"""What a header says about a measurement, and what that does to the contrast of a name."""

from pathlib import Path
from typing import Any

import pytest
from kits.dicom_files import uid
from pydicom import Dataset, dcmread

from flmrcm.prepare.contrast import Verdict
from flmrcm.prepare.dicom import DicomSource
from flmrcm.prepare.dicom_sequence import SequenceFields, check_sequence, read_sequence
from flmrcm.prepare.scan import FoundVolume

CASES = Path(__file__).parents[3] / "shared" / "cases" / "dicom"
needs_cases = pytest.mark.skipif(not CASES.exists(), reason="no ../shared/cases")


def make_header(**fields: Any) -> Dataset:
    header = Dataset()
    for keyword, value in fields.items():
        setattr(header, keyword, value)
    return header


def check(contrast: str, agent: str = "", **fields: Any) -> Verdict:
    return check_sequence(Verdict(contrast, agent=agent), read_sequence(make_header(**fields)))


@pytest.mark.parametrize("agent", ["Gadobutrol", "YES", "MAGNEVIST", "7.5 ml Gadovist", "Gd"])
def test_an_agent_in_the_header_makes_a_t1_an_enhanced_one(agent: str) -> None:
    assert check("T1", ContrastBolusAgent=agent).contrast == "T1ce"
    # scanners copy the field to every series after the injection
    others = {"T2": (90, 4000), "FLAIR": (90, 9000), "PD": (20, 3000)}
    for contrast, (echo, repetition) in others.items():
        times = {"EchoTime": echo, "RepetitionTime": repetition}
        assert check(contrast, ContrastBolusAgent=agent, **times).contrast == contrast


@pytest.mark.parametrize("agent", ["", "NO", "none", "N/A", "ohne", "without contrast", "-", "0"])
def test_no_agent_is_written_in_many_ways(agent: str) -> None:
    assert check("T1", ContrastBolusAgent=agent).contrast == "T1"


def test_an_agent_of_an_enhanced_file_is_found_in_its_sequence() -> None:
    item = make_header(CodeMeaning="Gadoterate")
    assert check("T1", ContrastBolusAgentSequence=[item]).contrast == "T1ce"
    assert check("T1", ContrastBolusAgentSequence=[Dataset()]).contrast == "T1ce"


def test_a_name_before_and_a_header_after_the_agent_is_left_out() -> None:
    verdict = check("T1", "before", ContrastBolusAgent="Gadobutrol")
    assert verdict == Verdict("", "named before a contrast agent, but its header holds one")


@pytest.mark.parametrize(
    ("contrast", "fields", "reason"),
    [
        ("T1", {"ScanningSequence": ["SE", "EP"]}, "echo-planar"),
        ("T2", {"SequenceName": "*ep_b1000#1"}, "echo-planar"),
        ("T1", {"PulseSequenceName": "*epfid2d1_64"}, "echo-planar"),
        ("T1", {"EchoPlanarPulseSequence": "YES"}, "echo-planar"),
        ("T1", {"AcquisitionContrast": "PERFUSION"}, "calls it PERFUSION"),
        ("T2", {"ScanningSequence": "GR"}, "a T2*, not a T2"),
        ("T2", {"EchoPulseSequence": "GRADIENT"}, "a T2*, not a T2"),
        ("T1", {"EchoTime": 90}, "named T1, but its echo time is 90 ms"),
        ("T1ce", {"EchoTime": 90}, "named T1ce, but its echo time is 90 ms"),
        ("T1", {"InversionTime": 2500}, "inversion time is 2500 ms"),
        ("T1", {"RepetitionTime": 9000}, "repetition time is 9000 ms"),
        ("T2", {"EchoTime": 10}, "echo time is 10 ms"),
        ("T2", {"EchoTime": 90, "RepetitionTime": 500}, "repetition time is 500 ms"),
        ("T2", {"InversionTime": 1800}, "inversion time is 1800 ms"),
        ("FLAIR", {"InversionTime": 900}, "inversion time is 900 ms"),
        ("PD", {"EchoTime": 100}, "echo time is 100 ms"),
        ("PDFS", {"EchoTime": 100}, "echo time is 100 ms"),
    ],
)
def test_a_header_that_contradicts_the_name_leaves_a_series_out(
    contrast: str, fields: dict[str, Any], reason: str
) -> None:
    verdict = check(contrast, **fields)
    assert verdict.contrast == ""
    assert reason in verdict.reason


@pytest.mark.parametrize(
    ("contrast", "times"),
    [
        ("T1", (2.4, 1800, 900)), ("T1", (12, 500, 0)), ("T1", (3.5, 7.6, 0)),
        ("T1", (24, 2500, 1100)), ("T2", (100, 4000, 0)), ("T2", (408, 3200, 0)),
        ("FLAIR", (390, 5000, 1650)), ("FLAIR", (120, 9000, 2500)), ("PD", (15, 3000, 0)),
    ],
)  # fmt: skip
def test_usual_times_fit(contrast: str, times: tuple[float, float, float]) -> None:
    echo, repetition, inversion = times
    fields = {"EchoTime": echo, "RepetitionTime": repetition, "InversionTime": inversion}
    assert check(contrast, **fields).contrast == contrast
    assert check(contrast).contrast == contrast  # an anonymised header says nothing


def test_a_contrast_of_the_users_own_is_not_checked() -> None:
    assert check("BOLD", ScanningSequence="EP", EchoTime=30).contrast == "BOLD"


def test_enhanced_files_store_the_times_in_groups() -> None:
    frame = make_header(MREchoSequence=[make_header(EffectiveEchoTime=2.5)])
    timing = make_header(RepetitionTime=1800.0)
    modifier = make_header(InversionTimes=[900.0])
    shared = make_header(
        MRTimingAndRelatedParametersSequence=[timing], MRModifierSequence=[modifier]
    )
    header = make_header(
        PerFrameFunctionalGroupsSequence=[frame], SharedFunctionalGroupsSequence=[shared]
    )
    assert read_sequence(header) == SequenceFields(2.5, 1800.0, 900.0)


def find(folder: Path, **options: Any) -> list[FoundVolume]:
    return [v for v in DicomSource(str(folder), **options).find() if isinstance(v, FoundVolume)]


@needs_cases
def test_a_resting_state_series_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    assert find(CASES / "enh_rest1") == []
    assert "functional images" in caplog.text
    # nor does a careless pattern take it, but a contrast of its own does
    assert find(CASES / "enh_rest1", contrast_patterns={"T1": "t1"}) == []
    assert "echo-planar images" in caplog.text
    assert len(find(CASES / "enh_rest1", contrast_patterns={"BOLD": "rest"})) == 1


@needs_cases
def test_a_field_map_beside_a_magnitude_is_no_echo() -> None:
    options: dict[str, Any] = {"contrast_patterns": {"T1": "B0"}}
    (volume,) = find(CASES / "enh_fmap", **options)
    scan = DicomSource(str(CASES / "enh_fmap"), **options).read(volume)
    assert scan.native_shape[0] == 32
    assert scan.image.min() >= 0  # the field map begins at -500 Hz


@needs_cases
def test_t1_series_of_one_scan_are_told_apart_by_name_and_agent(tmp_path: Path) -> None:
    names = {
        "t1_mprage_sag_p2_iso": "", "t1_mprage_sag_Gd": "Gadobutrol", "t1_mprage +KM": "",
        "t1_mprage_sag_p2_iso_2": "Gadobutrol",
    }  # fmt: skip
    for name, agent in names.items():
        scan = dcmread(CASES / "xa30_t1" / "t1_mprage.dcm")
        scan.SeriesDescription = scan.ProtocolName = name
        scan.ContrastBolusAgent, scan.SeriesInstanceUID = agent, uid(name)
        scan.SOPInstanceUID = scan.file_meta.MediaStorageSOPInstanceUID = uid(name)
        scan.save_as(tmp_path / f"{len(list(tmp_path.iterdir()))}.dcm")
    assert sorted(v.contrast for v in find(tmp_path)) == ["T1", "T1ce", "T1ce", "T1ce"]
    unchecked = [v.contrast for v in find(tmp_path, check_header=False)]
    assert sorted(unchecked) == ["T1", "T1", "T1ce", "T1ce"]
