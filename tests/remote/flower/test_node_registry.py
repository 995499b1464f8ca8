"""Who is who: a key is registered once, and struck when it's taken away or changed."""

import json

import pytest

from flmrcm.errors import FlmrcmError
from flmrcm.remote.flower import node_registry


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "sites").mkdir()
    (tmp_path / "state.db").touch()
    for name in ("north", "south"):
        (tmp_path / "sites" / f"{name}.pub").write_text(f"key of {name}")
    return tmp_path


@pytest.fixture
def asked(monkeypatch):
    """What Flower's command line is asked; it numbers the keys it meets."""
    seen = []

    def flwr(folder, group, word, what, *rest):
        seen.append((word, what.rsplit("/", 1)[-1]))
        return {"success": True, "node-id": len(seen)}

    monkeypatch.setattr(node_registry, "run_flwr", flwr)
    return seen


def test_each_key_is_registered_once(folder, asked):
    assert node_registry.register_keys(folder) == {"north": 1, "south": 2}
    assert node_registry.register_keys(folder) == {"north": 1, "south": 2}
    assert asked == [("register", "north.pub"), ("register", "south.pub")]
    assert node_registry.read_registry(folder) == {1: "north", 2: "south"}


def test_a_key_taken_away_is_struck(folder, asked):
    node_registry.register_keys(folder)
    (folder / "sites" / "north.pub").unlink()
    assert node_registry.register_keys(folder) == {"south": 2}
    assert asked[2:] == [("unregister", "1")]


def test_a_new_key_takes_the_place_of_the_old(folder, asked):
    node_registry.register_keys(folder)
    (folder / "sites" / "north.pub").write_text("a new one")
    assert node_registry.register_keys(folder) == {"north": 4, "south": 2}
    assert asked[2:] == [("unregister", "1"), ("register", "north.pub")]


def test_a_lost_database_means_registering_anew(folder, asked):
    node_registry.register_keys(folder)
    (folder / "state.db").unlink()
    node_registry.register_keys(folder)
    assert [word for word, _ in asked] == ["register"] * 4


def test_before_the_first_start_nobody_is_known(folder):
    with pytest.raises(FlmrcmError, match="no site is registered; start the coordinator"):
        node_registry.read_registry(folder)


def test_the_list_is_plain_to_read(folder, asked):
    node_registry.register_keys(folder)
    assert json.loads((folder / "nodes.json").read_text())["north"] == ["key of north", 1]
