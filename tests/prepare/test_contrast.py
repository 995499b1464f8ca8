"""The contrast that names tell: `names.csv` is the law, and what a user's patterns change."""

import csv
from collections import Counter
from pathlib import Path

import pytest

from flmrcm.prepare.bids import classify_bids
from flmrcm.prepare.contrast import ContrastRule, Verdict, classify_names

with (Path(__file__).parent / "names.csv").open(newline="") as table:
    NAMES = list(csv.DictReader(table))
CASES = Path(__file__).parents[3] / "shared" / "cases"


def classify(name: str, kind: str) -> Verdict:
    return classify_bids(name) if kind == "bids" else classify_names(name)


def find_wrong(rows: list[dict[str, str]]) -> list[tuple[str, str, str]]:
    found = [(row["name"], row["contrast"], classify(row["name"], row["kind"])) for row in rows]
    return [(name, right, got.contrast) for name, right, got in found if got.contrast != right]


def test_every_name_of_the_table_has_its_contrast() -> None:
    assert find_wrong(NAMES) == []


def test_the_table_is_large_and_holds_each_answer_several_times() -> None:
    counts = Counter(row["contrast"] for row in NAMES)
    assert len(NAMES) >= 150
    assert set(counts) == {"T1", "T1ce", "T2", "FLAIR", "PD", "PDFS", ""}
    assert min(counts.values()) >= 5


@pytest.mark.skipif(not CASES.exists(), reason="no ../shared/cases")
def test_names_on_which_it_failed_have_their_contrast() -> None:
    with (CASES / "names.csv").open(newline="") as table:
        assert find_wrong(list(csv.DictReader(table))) == []


@pytest.mark.parametrize("row", [row for row in NAMES if row["kind"] == "series"][::7])
def test_case_and_separators_make_no_difference(row: dict[str, str]) -> None:
    name = row["name"]
    assert classify_names(name.upper() if name.islower() else name).contrast == row["contrast"]
    assert classify_names(name.replace("_", " ")).contrast == row["contrast"]


def test_what_is_left_out_has_a_reason_that_does_not_quote_the_name() -> None:
    for row in NAMES:
        verdict = classify(row["name"], row["kind"])
        assert bool(verdict.contrast) != bool(verdict.reason)
    assert "Jane" not in classify_names("dwi Jane Doe").reason


@pytest.mark.parametrize(
    ("names", "contrast"),
    [
        (("t1 tra", "t2_tse"), "T1"),  # the description comes first
        (("tra", "t2_tse"), "T2"),
        (("rest", "t1_mprage"), ""),
        (("AX T1", "HEAD T1 +C"), "T1ce"),
        (("AX T1 PRE", "HEAD WITH CONTRAST"), "T1"),
        (("AX T1", "BRAIN W/WO CONTRAST"), "T1"),
        (("AX T1 +C", "BRAIN W/WO CONTRAST"), "T1ce"),
    ],
)
def test_the_protocols_name_adds_what_the_description_does_not_say(
    names: tuple[str, str], contrast: str
) -> None:
    assert classify_names(*names).contrast == contrast


@pytest.mark.parametrize(
    ("patterns", "name", "contrast"),
    [
        ({"MRA": "tof"}, "TOF 3D", "MRA"),  # a contrast of one's own
        ({"MRA": "tof"}, "t2_tse", "T2"),  # the others stay
        ({"T1": "mprage"}, "t1_se", ""),  # a pattern replaces the usual words
        ({"T1": "mprage"}, "t1_mprage", "T1"),
        ({"T1": "mprage"}, "t1_mprage_gd", "T1ce"),  # but not the look for an agent
        ({"T1": "mprage", "T1ce": "delayed"}, "t1_mprage_post", "T1"),
        ({"T1": "mprage", "T1ce": "delayed"}, "T1 delayed", "T1ce"),
        ({"T1": "MPRAGE|SE"}, "t1_se", "T1"),
    ],
)
def test_a_pattern_decides_before_the_usual_words(
    patterns: dict[str, str], name: str, contrast: str
) -> None:
    assert ContrastRule(patterns).classify(name).contrast == contrast


def test_a_broken_pattern_is_a_line() -> None:
    (line,) = ContrastRule({"T1": "(", "T2": "t2"}).find_problems()
    assert line.startswith("contrast_patterns.T1=(: not a regular expression")
