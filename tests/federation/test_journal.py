"""The journal: what is written is read, and a crash costs a line at most."""

import pytest

from flmrcm.errors import DataLayoutError
from flmrcm.federation.journal import Journal
from flmrcm.types import Measurement

ROWS = [
    Measurement(0, "train", "here", "loss", "", 0.5),
    Measurement(0, "val", "here", "psnr", "fastmri", 30.25),
    Measurement(1, "train", "here", "loss", "", 0.1 + 0.2),
    Measurement(1, "test", "here", "psnr", "fastmri", 31.0),
]


def test_written_rows_are_read(tmp_path):
    journal = Journal(tmp_path / "journal.csv")
    journal.write(ROWS[:2])
    journal.write(ROWS[2:])
    assert journal.read() == ROWS
    header = (tmp_path / "journal.csv").read_text().splitlines()[0]
    assert header == "round,split,site,metric,convention,value"


def test_a_line_cut_short_is_left_out(tmp_path):
    journal = Journal(tmp_path / "journal.csv")
    journal.write(ROWS)
    journal.path.write_text(journal.path.read_text()[:-3])
    assert journal.read() == ROWS[:-1]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("0,train,here,loss,,a", "line 6: could not convert string to float: 'a'"),
        ("one,train,here,loss,,1", "line 6: invalid literal for int"),
        ("0,train,here", "line 6: 3 fields, not 6"),
        ("", "line 6: 0 fields, not 6"),
        ('"', "line 6: 1 fields, not 6"),
    ],
)
def test_a_damaged_line_is_named_with_its_file(tmp_path, line, said):
    journal = Journal(tmp_path / "journal.csv")
    journal.write(ROWS)
    with journal.path.open("a") as file:
        file.write(f"{line}\n")
    journal.write(ROWS)
    with pytest.raises(DataLayoutError) as error:
        journal.read()
    assert f"{journal.path}, {said}" in str(error.value)
    with pytest.raises(DataLayoutError, match="line 6"):
        journal.cut_after(0)


def test_later_rounds_and_the_test_are_cut(tmp_path):
    journal = Journal(tmp_path / "journal.csv")
    journal.write(ROWS)
    journal.cut_after(1)  # the round of the test itself
    assert journal.read() == ROWS[:3]
    journal.cut_after(0)
    assert journal.read() == ROWS[:2]
    journal.write(ROWS[2:3])
    assert journal.read() == ROWS[:3]


def test_an_older_journal_is_read_in_todays_words(tmp_path):
    journal = Journal(tmp_path / "journal.csv")
    old = [
        Measurement(0, "attendance", "here", "benched", "", 1.0),
        Measurement(0, "attendance", "here", "failed", "", 1.0),
        Measurement(0, "train", "here", "benched", "", 1.0),
    ]
    journal.write(old)
    assert [(row.split, row.metric) for row in journal.read()] == [
        ("participation", "suspended"), ("participation", "failed"), ("train", "benched"),
    ]  # fmt: skip


def cut(journal):
    lines = journal.path.read_text().splitlines(keepends=True)
    journal.path.write_text("".join(lines[:2] + lines[3:]))


def change(journal):
    journal.path.write_text(journal.path.read_text().replace("30.25", "31.25"))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (cut, "of 4 lines at the last checkpoint, 3 are left"),
        (lambda journal: journal.path.unlink(), "of 4 lines at the last checkpoint, 0 are left"),
        (lambda journal: journal.path.write_bytes(b""), "4 lines at the last checkpoint, 0 are"),
        (lambda journal: journal.path.write_text(journal.path.read_text()[:-2]), "3 are left"),
        (change, "its first 4 lines aren't those of the last checkpoint"),
    ],
    ids=["cut", "deleted", "emptied", "torn", "changed"],
)
def test_a_loss_is_noticed_and_nothing_is_changed_unless_it_is_accepted(tmp_path, damage, said):
    journal = Journal(tmp_path / "journal.csv")
    journal.write(ROWS[:3])
    seal = journal.seal()
    damage(journal)
    left = journal.path.read_bytes() if journal.path.exists() else None
    with pytest.raises(DataLayoutError, match=said) as error:
        journal.cut_after(1, seal)
    assert "accept_lost_journal=true" in str(error.value)
    assert "\n" not in str(error.value)
    assert (journal.path.read_bytes() if journal.path.exists() else None) == left
    rows = journal.read()
    Journal(journal.path, accepts_loss=True).cut_after(1, seal)
    assert journal.read() == rows


def test_what_was_sealed_stays_byte_for_byte(tmp_path):
    journal = Journal(tmp_path / "journal.csv")
    journal.write([Measurement(0, "train", "here", "steps", "", 7)])  # read again, it is 7.0
    sealed, seal = journal.path.read_bytes(), journal.seal()
    journal.write(ROWS)
    for _ in range(2):
        journal.cut_after(0, seal)
        assert journal.path.read_bytes() == sealed


def test_no_journal_is_an_empty_one(tmp_path):
    assert Journal(tmp_path / "journal.csv").read() == []
