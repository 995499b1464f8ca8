"""Tables that grow line by line: what a crash leaves costs the line it cut, and no other."""

from flmrcm.csv_rows import append_row, read_rows

COLUMNS = ("round", "spent")


def test_lines_are_read_as_they_were_written(tmp_path):
    path = tmp_path / "book.csv"
    for fields in ((1, "a,b"), (2, 'said "c"')):
        append_row(path, COLUMNS, fields)
    assert read_rows(path, COLUMNS, tuple) == [("1", "a,b"), ("2", 'said "c"')]


def test_a_line_after_a_crash_is_whole(tmp_path):
    """Wherever the crash cut the file, the line it was in is gone and the next one is there."""
    path = tmp_path / "book.csv"
    append_row(path, COLUMNS, (1, "a"))
    append_row(path, COLUMNS, (2, "b"))
    whole = path.read_bytes()
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        kept = read_rows(path, COLUMNS, tuple)
        append_row(path, COLUMNS, (3, "c"))
        assert read_rows(path, COLUMNS, tuple) == [*kept, ("3", "c")]
