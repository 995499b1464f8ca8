"""Make a release: the version and its date are written, committed and tagged; nothing is pushed.

`make release VERSION=0.2.0 DRY=1` shows what would happen.
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

_VERSION = re.compile(r"\d+\.\d+\.\d+(?:(?:a|b|rc)\d+)?")
_UNRELEASED = "## [Unreleased]\n"


class ReleaseError(Exception):
    """Why there can be no release, one line."""


def main(words: Sequence[str]) -> None:
    """Release a version, or say what a release would change."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("version")
    parser.add_argument("--dry", action="store_true", help="change nothing")
    parser.add_argument("--root", type=Path, default=Path(__file__).parents[1])
    asked = parser.parse_args(words)
    try:
        release(asked.root, asked.version, asked.dry)
    except ReleaseError as error:
        sys.exit(str(error))


def release(root: Path, version: str, dry: bool) -> None:
    """Write, commit and tag a version.

    Args:
        root: the checkout.
        version: `0.2.0` or `0.2.0rc1`, newer than the one that stands.
        dry: whether to show the changes only.

    Raises:
        ReleaseError: what isn't ready for a release.
    """
    texts = rewrite(root, version, f"{datetime.now(UTC):%Y-%m-%d}")
    tag = f"v{version}"
    if problems := _find_problems(root, tag):
        raise ReleaseError("\n".join(problems))
    for path, (before, after) in texts.items():
        print(f"{path.relative_to(root)}:")
        new = set(after.splitlines()) - set(before.splitlines())
        print(*(f"  + {line}" for line in after.splitlines() if line in new), sep="\n")
    if dry:
        print(f"would commit 'release: {version}' and tag {tag}; nothing was changed")
        return
    for path, (_, after) in texts.items():
        path.write_text(after, encoding="utf-8")
    _git(root, "commit", "--quiet", "--message", f"release: {version}", "--", *map(str, texts))
    _git(root, "tag", "--annotate", tag, "--message", f"flmrcm {version}")
    print(f"committed and tagged {tag}; to publish: git push --follow-tags")


def rewrite(root: Path, version: str, date: str) -> dict[Path, tuple[str, str]]:
    """Return the files that name the version: their text before, and of the release.

    Raises:
        ReleaseError: the version is no newer one, or the changelog holds nothing new.
    """
    paths = [root / name for name in ("pyproject.toml", "CITATION.cff", "CHANGELOG.md")]
    project, citation, changelog = (path.read_text(encoding="utf-8") for path in paths)
    found = re.search(r'^version = "(.*)"$', project, re.MULTILINE)
    now = found[1] if found else "none"
    if not _VERSION.fullmatch(version) or _sort_key(version) <= _sort_key(now):
        raise ReleaseError(f"{version}: give a version after {now}, such as 1.2.3 or 1.2.3rc1.")
    new = changelog.partition(_UNRELEASED)[2].split("\n## [")[0].strip()
    if not new:
        raise ReleaseError(f"CHANGELOG.md: nothing below '{_UNRELEASED.strip()}'.")
    citation_after = re.sub(r"^version: .*$", f"version: {version}", citation, flags=re.MULTILINE)
    citation_after = re.sub(r"^date-released: .*\n", "", citation_after, flags=re.MULTILINE)
    citation_after = citation_after.rstrip("\n") + f"\ndate-released: {date}\n"
    after = (
        project.replace(f'version = "{now}"', f'version = "{version}"', 1),
        citation_after,
        changelog.replace(_UNRELEASED, f"{_UNRELEASED}\n## [{version}] - {date}\n", 1),
    )
    return dict(zip(paths, zip((project, citation, changelog), after, strict=True), strict=True))


def _find_problems(root: Path, tag: str) -> list[str]:
    problems: list[str] = []
    if changed := _git(root, "status", "--porcelain"):
        problems.append(
            f"the checkout has changes that aren't committed: {changed.splitlines()[0]}"
        )
    if (branch := _git(root, "rev-parse", "--abbrev-ref", "HEAD")) != "main":
        problems.append(f"the branch is {branch}; releases are made on main.")
    if tag in _git(root, "tag", "--list").splitlines():
        problems.append(f"there is a tag {tag} already.")
    return problems


def _sort_key(version: str) -> tuple[list[int], bool, str, int]:
    """Return what sorts versions: a release comes after its own candidates."""
    numbers = [int(number) for number in re.findall(r"\d+", version)]
    kind = re.search(r"a|b|rc", version)
    return numbers[:3], kind is None, kind[0] if kind else "", numbers[-1] if kind else 0


def _git(root: Path, *words: str) -> str:
    ended = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True)  # noqa: S603, S607
    if ended.returncode:
        raise ReleaseError(f"git {words[0]}: {ended.stderr.strip()}")
    return ended.stdout.strip()


if __name__ == "__main__":
    main(sys.argv[1:])
