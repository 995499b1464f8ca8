"""A release is one commit and one tag, or nothing at all."""

import importlib.util
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location("release", ROOT / "scripts/release.py")
script = importlib.util.module_from_spec(spec)
spec.loader.exec_module(script)

CHANGELOG = "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- A thing.\n"


def git(root, *words):
    return subprocess.run(
        ["git", *words], cwd=root, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout at 0.1.0 with something new in its changelog."""
    for key in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{key}_NAME", "somebody")
        monkeypatch.setenv(f"GIT_{key}_EMAIL", "somebody@example.org")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\nversion = "0.1.0"\n')
    (tmp_path / "CITATION.cff").write_text("cff-version: 1.2.0\nversion: 0.1.0\n")
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    git(tmp_path, "init", "--quiet", "--initial-branch", "main")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "begin")
    return tmp_path


def test_a_dry_run_changes_nothing_and_says_what_it_would(checkout, capsys):
    script.release(checkout, "0.2.0", dry=True)
    said = capsys.readouterr().out
    for line in ('version = "0.2.0"', "version: 0.2.0", "## [0.2.0] - ", "tag v0.2.0"):
        assert line in said
    assert git(checkout, "status", "--porcelain") == git(checkout, "tag") == ""


def test_a_release_is_one_commit_and_one_tag(checkout):
    script.release(checkout, "0.2.0", dry=False)
    assert git(checkout, "log", "-1", "--format=%s") == "release: 0.2.0"
    assert git(checkout, "describe") == "v0.2.0"
    assert git(checkout, "status", "--porcelain") == ""
    assert 'version = "0.2.0"' in (checkout / "pyproject.toml").read_text()
    changelog = (checkout / "CHANGELOG.md").read_text()
    assert changelog.index("[Unreleased]") < changelog.index("[0.2.0]") < changelog.index("A thing")


def test_the_date_is_written_once_however_many_releases(checkout):
    script.release(checkout, "0.2.0", dry=False)
    with (checkout / "CHANGELOG.md").open("r+") as file:
        text = file.read().replace("[Unreleased]\n", "[Unreleased]\n\n- More.\n", 1)
        file.seek(0)
        file.write(text)
    git(checkout, "commit", "--quiet", "--all", "--message", "more")
    script.release(checkout, "0.3.0", dry=False)
    assert (checkout / "CITATION.cff").read_text().count("date-released:") == 1


@pytest.mark.parametrize("version", ["0.1.0", "0.0.9", "0.1.0rc1", "two", "v0.2.0", "0.2"])
def test_a_version_that_is_no_newer_one_is_refused(checkout, version):
    with pytest.raises(script.ReleaseError, match=r"give a version after 0\.1\.0"):
        script.release(checkout, version, dry=True)


@pytest.mark.parametrize("spoil", ["changes", "branch", "tag", "changelog"])
def test_what_is_not_ready_is_told_and_nothing_is_written(checkout, spoil):
    if spoil == "changes":
        (checkout / "new").touch()
    elif spoil == "branch":
        git(checkout, "switch", "--quiet", "--create", "mine")
    elif spoil == "tag":
        git(checkout, "tag", "v0.2.0")
    else:
        (checkout / "CHANGELOG.md").write_text("# Changelog\n\n## [Unreleased]\n\n## [0.1.0]\n")
    before = git(checkout, "rev-parse", "HEAD")
    with pytest.raises(script.ReleaseError):
        script.release(checkout, "0.2.0", dry=False)
    assert git(checkout, "rev-parse", "HEAD") == before
    assert 'version = "0.1.0"' in (checkout / "pyproject.toml").read_text()


def test_candidates_come_before_their_release():
    versions = ["0.1.0", "0.2.0a1", "0.2.0b1", "0.2.0rc1", "0.2.0rc2", "0.2.0", "0.10.0"]
    shuffled = versions[3:] + versions[:3]
    assert sorted(shuffled, key=script._sort_key) == versions


def test_this_projects_own_files_can_be_released():
    texts = script.rewrite(ROOT, "99.0.0", "2026-01-01")
    assert all(before != after and "99.0.0" in after for before, after in texts.values())
