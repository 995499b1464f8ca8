"""The page on extending and the package that tests run are one text."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = Path(__file__).parent / "package"
PAGE = (ROOT / "docs/extending.md").read_text()
LANGUAGES = {".py": "python", ".toml": "toml", ".yaml": "yaml"}


def test_every_file_stands_on_the_page_as_it_is():
    shown = dict(re.findall(r"^`(\S+)`:\n\n(```\w+\n.*?```)$", PAGE, re.DOTALL | re.MULTILINE))
    files = {
        str(path.relative_to(PACKAGE)): f"```{LANGUAGES[path.suffix]}\n{path.read_text()}```"
        for path in sorted(PACKAGE.rglob("*.*"))
        if path.suffix in LANGUAGES and path.name != "__init__.py"
    }
    assert len(files) > 12
    assert shown == files


def test_the_tree_on_the_page_names_every_file():
    tree = PAGE.split("```")[1]
    files = [path for path in PACKAGE.rglob("*.*") if path.suffix in LANGUAGES]
    assert [path.name for path in files if path.name not in tree] == []
    assert [path.parent.name for path in files if path.parent.name not in f"{tree}package"] == []
