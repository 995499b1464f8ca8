"""A file is whole or not there."""

import fcntl
from threading import Timer

import pytest

from flmrcm.files import hold_lock, is_locked, link_atomically, write_atomically


@pytest.mark.parametrize("content", ["0.5 σ\n", b"0.5", memoryview(b"0.5")])
def test_written_content_is_there_and_so_are_its_folders(tmp_path, content):
    write_atomically(tmp_path / "new" / "a.txt", content)
    bytes_ = content.encode() if isinstance(content, str) else bytes(content)
    assert (tmp_path / "new" / "a.txt").read_bytes() == bytes_


def test_a_full_device_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    write_atomically(tmp_path / "a.txt", "before")
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        write_atomically(tmp_path / "a.txt", "after")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["before"]


def test_a_second_name_takes_the_place_of_the_old_one(tmp_path):
    write_atomically(tmp_path / "last", "before")
    write_atomically(tmp_path / "a", "after")
    link_atomically(tmp_path / "a", tmp_path / "last")
    assert (tmp_path / "last").read_text() == "after"


def test_a_second_name_given_twice_leaves_no_third(tmp_path):
    write_atomically(tmp_path / "a", "0.5")
    for _ in range(2):
        link_atomically(tmp_path / "a", tmp_path / "last")
    assert {path.name for path in tmp_path.iterdir()} == {"a", "last"}


def test_a_lock_is_seen_while_it_is_held_and_looking_takes_nothing(tmp_path):
    path = tmp_path / ".lock"
    assert not is_locked(path)
    assert not path.exists()
    with hold_lock(path, RuntimeError("held")):
        assert is_locked(path)
        with pytest.raises(RuntimeError, match="held"), hold_lock(path, RuntimeError("held")):
            pass
    assert not is_locked(path)


def test_a_glance_at_a_lock_fails_no_run(tmp_path):
    path = tmp_path / ".lock"
    path.touch()
    with path.open() as glance:
        fcntl.flock(glance, fcntl.LOCK_SH)
        Timer(0.01, lambda: fcntl.flock(glance, fcntl.LOCK_UN)).start()
        with hold_lock(path, RuntimeError("held")):
            assert is_locked(path)


def test_who_has_no_refusal_waits_until_the_lock_is_let_go(tmp_path):
    order = []
    with (tmp_path / "lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        Timer(0.2, lambda: (order.append("let go"), fcntl.flock(other, fcntl.LOCK_UN))).start()
        with hold_lock(tmp_path / "lock"):
            order.append("held")
            assert is_locked(tmp_path / "lock")
    assert order == ["let go", "held"]
