"""A file is whole or not there."""

import pytest

from flmrcm.files import write_atomically


@pytest.mark.parametrize("content", ["0.5 σ\n", b"0.5", memoryview(b"0.5")])
def test_what_was_put_is_there_its_folders_too(tmp_path, content):
    write_atomically(tmp_path / "new" / "a.txt", content)
    bytes_ = content.encode() if isinstance(content, str) else bytes(content)
    assert (tmp_path / "new" / "a.txt").read_bytes() == bytes_


def test_a_full_device_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    write_atomically(tmp_path / "a.txt", "before")
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        write_atomically(tmp_path / "a.txt", "after")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["before"]
