"""A deployment over NVFlare: kits with which nobody can send code or read a site's files."""

import json
import stat

import pytest
import yaml
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import NameOID

pytest.importorskip("nvflare", reason="NVFlare isn't installed: pip install 'flmrcm[nvflare]'")

from flmrcm.errors import ConfigErrors, FlmrcmError
from flmrcm.remote.nvflare.processes import NVFlareNode
from flmrcm.remote.nvflare.provision import NVFlareDeployment
from flmrcm.remote.nvflare.session import SERVER_SIDE, SITE_SIDE, write_job_folder
from flmrcm.remote.provision.certificates import check_certificate, read_certificate
from flmrcm.remote.provision.settings import read_node_settings

SITES = {"north": {"root": "/data/north"}, "south": {"root": None}}
SERVER, KIT = "coordinator/server", "sites/north/kit"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("deployment") / "new"
    NVFlareDeployment(SITES, address="hospital.example", port=8123, days=30).write(folder)
    return folder


def read(path):
    return json.loads(path.read_text())


def test_each_party_gets_its_own_folder(folder):
    startup = {"client.crt", "client.key", "fed_client.json", "rootCA.pem"}
    assert {path.name for path in (folder / KIT / "startup").iterdir()} == startup
    assert {path.name for path in (folder / "sites" / "south").iterdir()} == {
        "kit", "policy.yaml", "site.yaml", "start.sh"
    }  # fmt: skip
    assert {path.name for path in (folder / "coordinator").iterdir()} == {
        "admin", "coordinator.yaml", "server", "start.sh"
    }  # fmt: skip


def test_only_their_owner_may_read_kits(folder):
    kits = [folder / KIT, folder / "sites/south/kit", folder / SERVER, folder / "coordinator/admin"]
    for path in (inner for kit in kits for inner in (kit, *kit.rglob("*"))):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


def test_the_authoritys_key_is_in_no_folder(folder):
    authority = read_certificate(folder / SERVER / "startup" / "rootCA.pem")
    keys = [load_pem_private_key(path.read_bytes(), None) for path in folder.rglob("*.key")]
    assert len(keys) == 4
    assert authority.public_key() not in [key.public_key() for key in keys]


def test_sites_are_known_by_the_names_in_their_certificates(folder):
    for name in SITES:
        startup = folder / "sites" / name / "kit" / "startup"
        certificate = read_certificate(startup / "client.crt")
        (common,) = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        assert common.value == name
        check_certificate(startup / "client.crt", startup / "rootCA.pem")


def test_a_job_may_name_two_classes_only_and_send_no_code(folder):
    for kit, classes in ((SERVER, SERVER_SIDE), (KIT, SITE_SIDE)):
        local = folder / kit / "local"
        resources = read(local / "resources.json.default")
        assert resources["class_allow_list"] == list(classes)
        assert resources["class_list_enforcement_mode"] == "enforce"
        (rights,) = read(local / "authorization.json")["permissions"].values()
        assert {rights[name] for name in ("byoc", "shell_commands", "operate")} == {"none"}


def test_a_sites_log_stays_at_the_site(folder):
    assert read(folder / KIT / "local" / "resources.json.default")["allow_log_streaming"] is False


def test_commands_are_taken_on_loopback_only(folder):
    (server,) = read(folder / SERVER / "startup" / "fed_server.json")["servers"]
    assert server["service"]["target"] == "0.0.0.0:8123"
    assert server["admin_host"] == "127.0.0.1"
    admin = read(folder / "coordinator/admin/startup/fed_admin.json")["admin"]
    assert (admin["host"], admin["port"]) == ("127.0.0.1", 8001)


def test_a_try_out_stays_on_loopback(tmp_path):
    NVFlareDeployment(SITES).write(tmp_path / "new")
    (server,) = read(tmp_path / "new" / SERVER / "startup" / "fed_server.json")["servers"]
    assert server["service"]["target"] == "127.0.0.1:8000"


def test_the_settings_are_what_the_processes_read(folder):
    node = read_node_settings(folder / "sites" / "north", NVFlareNode)
    assert (node.site, node.coordinator) == ("north", "hospital.example:8123")
    coordinator = yaml.safe_load((folder / "coordinator" / "coordinator.yaml").read_text())
    assert coordinator["sites"] == ["north", "south"]


def test_the_readme_has_ten_lines_and_no_gaps(folder):
    lines = (folder / "README.md").read_text().splitlines()[2:]
    assert [line.split(".")[0] for line in lines] == [str(n) for n in range(1, 11)]
    assert "{" not in "".join(lines)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"admin_port": 8000}, "admin_port: 1 to 65535, and another than port; got 8000"),
        ({"days": 361}, "days: at most 360; got 361"),
        ({"sites": {}}, "sites: name at least one"),
    ],
)
def test_a_value_outside_its_range_is_refused(options, line):
    with pytest.raises(ConfigErrors, match=line):
        NVFlareDeployment(**{"sites": SITES} | options)


def test_a_name_that_nvflare_cannot_use_is_refused(tmp_path):
    with pytest.raises(FlmrcmError, match="NVFlare's provisioning: "):
        NVFlareDeployment({"north west": {"root": None}}).write(tmp_path / "new")


def test_a_job_holds_names_of_classes_and_the_travelling_config_only(tmp_path):
    write_job_folder(tmp_path / "job", "abc", '{"seed": 1}', ["south", "north"])
    files = {str(path.relative_to(tmp_path / "job")) for path in tmp_path.rglob("*.*")}
    config = "app/config/config_fed_"
    assert files == {"meta.json", f"{config}client.json", f"{config}server.json"}
    client = read(tmp_path / "job" / f"{config}client.json")
    assert client["components"] == [
        {"id": "site", "path": SITE_SIDE[1], "args": {"config": '{"seed": 1}'}}
    ]
    meta = read(tmp_path / "job" / "meta.json")
    assert meta["deploy_map"] == {"app": ["server", "north", "south"]}
    assert str(tmp_path) not in "".join(path.read_text() for path in tmp_path.rglob("*.json"))
