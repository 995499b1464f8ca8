"""The files around the code say what the code is."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
FORMS = [ROOT / f".github/ISSUE_TEMPLATE/{name}.yml" for name in ("bug", "idea")]


def load(name):
    return yaml.safe_load((ROOT / name).read_text())


def test_the_citation_is_of_this_version_and_licence():
    citation = load("CITATION.cff")
    assert str(citation["version"]) == PROJECT["version"]
    assert citation["license"] == PROJECT["license"]
    assert "2103.02148" in citation["references"][0]["url"]


def test_a_forge_runs_the_projects_own_words_on_every_python_it_promises():
    jobs = load(".github/workflows/check.yml")["jobs"]
    said = {step["run"] for job in jobs.values() for step in job["steps"] if "run" in step}
    assert said == {"make check", "make wheel", "make docs-check"}
    assert jobs["check"]["strategy"]["matrix"]["python"][0] == PROJECT["requires-python"][2:]
    makefile = (ROOT / "Makefile").read_text()
    assert all(f"\n{word.removeprefix('make ')}:" in makefile for word in said)


@pytest.mark.parametrize("form", FORMS, ids=lambda path: path.stem)
def test_a_form_can_be_filled_in(form):
    parts = yaml.safe_load(form.read_text())
    assert parts["name"]
    assert parts["description"]
    assert all("type" in part and "attributes" in part for part in parts["body"])


def test_a_bug_report_asks_for_the_doctor():
    assert "flmrcm doctor" in FORMS[0].read_text()


def test_every_room_is_in_the_house_that_contributors_read():
    page = (ROOT / "CONTRIBUTING.md").read_text()
    rooms = [p.parent.name for p in (ROOT / "flmrcm").glob("*/__init__.py")]
    assert len(rooms) > 15
    assert [room for room in rooms if f"`{room}`" not in page] == []


def test_a_container_gets_what_the_package_is_built_of_and_nothing_else():
    copied = [
        word
        for line in (ROOT / "Dockerfile").read_text().splitlines()
        if line.startswith("COPY ")
        for word in line.split()[1:-1]
    ]
    allowed = (ROOT / ".dockerignore").read_text().splitlines()
    assert all((ROOT / word).exists() and f"!{word}" in allowed for word in copied)
    assert allowed[0] == "*"


def test_the_rehearsal_has_a_coordinator_and_two_sites_that_see_their_own_folder():
    services = load("compose.yaml")["services"]
    assert {"coordinator", "sim_b", "sim_h"} <= set(services)
    for site in ("sim_b", "sim_h"):
        mounted = [v for v in services[site]["volumes"] if isinstance(v, dict)]
        assert [v["volume"]["subpath"] for v in mounted] == [f"sites/{site}"]
        assert services[site]["entrypoint"][-1] == f"/deploy/sites/{site}"


def test_the_source_archive_makes_a_wheel_that_runs(tmp_path):
    build = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (archive,) = tmp_path.glob("*.tar.gz")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--target", str(tmp_path / "installed"), str(archive)], check=True)
    shown = subprocess.run(
        [sys.executable, "-m", "flmrcm", "train", "--cfg", "job"],
        cwd=tmp_path, env={"PYTHONPATH": str(tmp_path / "installed"), "HOME": str(tmp_path)},
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "accelerations:" in shown
