"""The registry: a key is registered once, and unregistered when it is deleted or changed."""

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
def calls(monkeypatch):
    """The calls of Flower's command line, which numbers the keys that it gets."""
    seen = []

    def flwr(folder, group, word, what, *rest):
        seen.append((word, what.rsplit("/", 1)[-1]))
        return {"success": True, "node-id": len(seen)}

    monkeypatch.setattr(node_registry, "run_flwr", flwr)
    return seen


def test_each_key_is_registered_once(folder, calls):
    assert node_registry.register_keys(folder) == {"north": 1, "south": 2}
    assert node_registry.register_keys(folder) == {"north": 1, "south": 2}
    assert calls == [("register", "north.pub"), ("register", "south.pub")]
    assert node_registry.read_registry(folder) == {1: "north", 2: "south"}


def test_a_deleted_key_is_unregistered(folder, calls):
    node_registry.register_keys(folder)
    (folder / "sites" / "north.pub").unlink()
    assert node_registry.register_keys(folder) == {"south": 2}
    assert calls[2:] == [("unregister", "1")]


def test_a_new_key_takes_the_place_of_the_old(folder, calls):
    node_registry.register_keys(folder)
    (folder / "sites" / "north.pub").write_text("a new one")
    assert node_registry.register_keys(folder) == {"north": 4, "south": 2}
    assert calls[2:] == [("unregister", "1"), ("register", "north.pub")]


def test_a_lost_database_means_registering_anew(folder, calls):
    node_registry.register_keys(folder)
    (folder / "state.db").unlink()
    node_registry.register_keys(folder)
    assert [word for word, _ in calls] == ["register"] * 4


def test_before_the_first_start_no_site_is_known(folder):
    with pytest.raises(FlmrcmError, match="no site is registered; start the coordinator"):
        node_registry.read_registry(folder)


def test_the_registry_is_readable_json(folder, calls):
    node_registry.register_keys(folder)
    assert json.loads((folder / "nodes.json").read_text())["north"] == ["key of north", 1]
