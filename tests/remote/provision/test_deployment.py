"""A deployment: each party gets what it needs, secrets are readable by their owner only."""

import re
import stat
from importlib.util import find_spec

import pytest
import yaml

from flmrcm.errors import ConfigErrors, FlmrcmError
from flmrcm.remote.flower.provision import FlowerDeployment
from flmrcm.remote.provision.certificates import check_certificate

SITE = {"north": {"root": None}}


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_each_party_gets_its_own_folder(deployed):
    own = {"ca.crt", "node.key", "policy.yaml", "site.yaml", "start.sh"}
    assert files(deployed) == {
        "README.md",
        *(f"sites/{site}/{file}" for site in ("north", "south") for file in own),
        *(f"coordinator/{file}" for file in ("ca.crt", "server.crt", "server.key", "start.sh")),
        "coordinator/coordinator.yaml",
        "coordinator/sites/north.pub",
        "coordinator/sites/south.pub",
    }


def test_only_their_owner_may_read_secrets(deployed):
    secrets = [*deployed.rglob("*.key")]
    assert len(secrets) == 3
    assert {mode(path) for path in secrets} == {0o600}


def test_start_scripts_can_be_started(deployed):
    scripts = [*deployed.rglob("start.sh")]
    assert {mode(path) for path in scripts} == {0o755}
    (module,) = {re.search(r"-m (\S+)", path.read_text())[1] for path in scripts}
    assert find_spec(f"{module}.__main__") is not None


def test_the_coordinator_holds_no_private_key_of_a_site(deployed):
    secrets = [path.read_bytes().splitlines()[1] for path in deployed.glob("sites/*/node.key")]
    written = b"".join(path.read_bytes() for path in deployed.glob("coordinator/**/*.*"))
    assert not any(secret in written for secret in secrets)


def test_every_site_trusts_the_coordinator_and_no_two_share_a_key_or_a_port(deployed):
    site_files = [yaml.safe_load(path.read_text()) for path in sorted(deployed.rglob("site.yaml"))]
    for name in ("north", "south"):
        authority = deployed / "sites" / name / "ca.crt"
        check_certificate(deployed / "coordinator" / "server.crt", authority)
    assert [values["port"] for values in site_files] == [9094, 9095]
    assert {values["coordinator"] for values in site_files} == {"hospital.example:8123"}
    assert len({path.read_bytes() for path in deployed.rglob("node.key")}) == 2


def test_data_are_named_at_the_site_only(deployed):
    values = yaml.safe_load((deployed / "sites" / "north" / "site.yaml").read_text())
    assert values["data"] == {"root": "/data/north"}
    assert "/data/north" not in "".join(
        path.read_text() for path in deployed.glob("coordinator/*.yaml")
    )


def test_the_readme_has_ten_lines_and_no_gaps(deployed):
    lines = (deployed / "README.md").read_text().splitlines()[2:]
    assert [line.split(".")[0] for line in lines] == [str(n) for n in range(1, 11)]
    assert "{" not in "".join(lines)


def test_a_folder_that_is_not_empty_is_not_changed(tmp_path):
    (tmp_path / "diary.txt").write_text("mine")
    with pytest.raises(FlmrcmError, match="isn't empty"):
        FlowerDeployment(SITE).write(tmp_path)
    assert files(tmp_path) == {"diary.txt"}


@pytest.mark.parametrize(
    ("address", "listens_on"),
    [("127.0.0.1", "127.0.0.1"), ("localhost", "127.0.0.1"), ("10.0.0.7", "0.0.0.0")],
)
def test_a_try_out_stays_on_loopback(address, listens_on):
    assert FlowerDeployment(SITE, address=address).listens_on == listens_on


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"port": 0}, "port: 1 to 65535"),
        ({"node_port": 65536}, "node_port: 1 to 65535"),
        ({"days": 0}, "days: 1 to 3650; got 0"),
        ({"address": " "}, "address: a name or an IP address"),
        ({"sites": {}}, "sites: name at least one"),
    ],
)
def test_a_value_outside_its_range_is_refused(options, line):
    with pytest.raises(ConfigErrors, match=line):
        FlowerDeployment(**{"sites": SITE} | options)
