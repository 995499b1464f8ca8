"""A party's own file: the settings of its processes, and one line for a wrong value."""

import pytest

from flmrcm.errors import FlmrcmError
from flmrcm.remote.flower.processes import FlowerNode
from flmrcm.remote.provision.settings import read_coordinator_settings, read_node_settings


def test_deployed_settings_can_be_read(deployed):
    own = read_coordinator_settings(deployed / "coordinator")
    assert (own.address, own.listens_on, own.port) == ("hospital.example", "0.0.0.0", 8123)
    node = read_node_settings(deployed / "sites" / "north", FlowerNode)
    assert (node.site, node.coordinator, node.port) == ("north", "hospital.example:8123", 9094)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("via: pigeon", "via=pigeon: what carries the calls, one of flower, nvflare."),
        ("port: 80x", "port=80x: a whole number."),
        ("port: 0", "port: 1 to 65535; got 0."),
        ("coordinator: here", "coordinator: HOST:PORT; got here."),
        ("coordinator: here:there", "coordinator: HOST:PORT; got here:there."),
        ("restart_after: -1", "restart_after: 0 seconds or more; got -1."),
    ],
)
def test_a_wrong_value_names_the_file(tmp_path, text, line):
    path, (key, _, _) = tmp_path / "site.yaml", text.partition(":")
    lines = {"via": "via: flower", "site": "site: ixi", "coordinator": "coordinator: h:1"}
    lines |= {"port": "port: 1", key: text}
    path.write_text("\n".join(lines.values()))
    with pytest.raises(FlmrcmError) as refused:
        read_node_settings(tmp_path, FlowerNode)
    assert f"{path}: {line}" in str(refused.value)


def test_a_folder_without_settings_is_named(tmp_path):
    with pytest.raises(FlmrcmError, match=r"coordinator\.yaml: isn't there; name a folder that"):
        read_coordinator_settings(tmp_path)
