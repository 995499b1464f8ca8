"""The ledger: what was written is read, and nothing is ever cut but half a line."""

import pytest
import torch

from flmrcm.errors import DataLayoutError
from flmrcm.middleware.ledger import Ledger, LedgerEntry, list_received, list_sent, list_values
from flmrcm.types import Broadcast, Reply

MESSAGE = Broadcast(
    3, {"a": torch.ones(2, 3), "n": torch.tensor(1)}, {"latents": {"z": torch.ones(4)}}
)
REPLY = Reply("north", 5, {"a": torch.ones(2, 3).half()}, {}, {"loss": 0.5})


def test_every_object_of_a_message_is_an_entry():
    where = (3, "north", "train", "to_site")
    assert list(list_sent("train", "north", MESSAGE)) == [
        (*where, "weights", "a", "2x3", "float32", 24),
        (*where, "weights", "n", "", "int64", 8),
        (*where, "latents", "z", "4", "float32", 16),
    ]


def test_every_object_of_a_reply_is_an_entry_its_numbers_too():
    where = (3, "north", "train", "from_site")
    assert list(list_received("train", 3, REPLY)) == [
        (*where, "weights", "a", "2x3", "float16", 12),
        (*where, "metrics", "n_examples", "", "int64", 8),
        (*where, "metrics", "loss", "", "float64", 8),
    ]


def test_every_value_of_joining_is_an_entry_as_long_as_its_text():
    where = (0, "north", "join", "from_site", "facts")
    assert list(
        list_values("north", "from_site", "facts", {"n_examples": 12, "splits": ("train",)})
    ) == [
        (*where, "n_examples", "", "json", 2),
        (*where, "splits", "", "json", 9),
    ]


def test_a_failure_carries_nothing():
    assert list(list_received("train", 3, Reply("north", error="away"))) == []


def test_written_rows_are_read(tmp_path):
    ledger = Ledger(tmp_path / "here" / "ledger.csv")
    assert ledger.read() == []
    ledger.write(list_sent("train", "north", MESSAGE))
    ledger.write(list_received("train", 3, REPLY))
    assert ledger.read() == [
        *list_sent("train", "north", MESSAGE),
        *list_received("train", 3, REPLY),
    ]
    lines = ledger.path.read_text().splitlines()
    assert lines[0] == ",".join(LedgerEntry._fields)
    assert len(lines) == 7


def test_half_a_line_is_left_out_and_overwritten(tmp_path):
    ledger = Ledger(tmp_path / "ledger.csv")
    ledger.write(list_sent("train", "north", MESSAGE))
    ledger.path.write_text(ledger.path.read_text()[:-2])
    whole = list(list_sent("train", "north", MESSAGE))
    assert ledger.read() == whole[:-1]
    ledger.write(whole[-1:])
    assert ledger.read() == whole


def test_a_damaged_line_is_named_with_its_file(tmp_path):
    ledger = Ledger(tmp_path / "ledger.csv")
    ledger.write(list_sent("train", "north", MESSAGE))
    ledger.path.write_text(ledger.path.read_text().replace(",24\n", ",many\n"))
    with pytest.raises(DataLayoutError, match=r"ledger\.csv, line 2: .*'many'"):
        ledger.read()


def test_a_header_cut_short_is_written_anew(tmp_path):
    ledger = Ledger(tmp_path / "ledger.csv")
    ledger.path.write_text("round,si")
    assert ledger.read() == []
    ledger.write(list_sent("train", "ñorth, or south", MESSAGE))
    assert ledger.read() == list(list_sent("train", "ñorth, or south", MESSAGE))


def test_a_ledger_without_a_path_stays_empty():
    ledger = Ledger()
    ledger.write(list_sent("train", "north", MESSAGE))
    assert ledger.read() == []
