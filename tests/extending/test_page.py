"""The pages on extending and the package that tests run are one text."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = Path(__file__).parent / "package"
NAMES = ("extending", "plugins", "loggers")
PAGES = [(ROOT / f"docs/{name}.md").read_text() for name in NAMES]
LANGUAGES = {".py": "python", ".toml": "toml", ".yaml": "yaml"}


def test_every_file_stands_on_a_page_as_it_is():
    named = re.compile(r"^`(\S+)`:\n\n(```\w+\n.*?```)$", re.DOTALL | re.MULTILINE)
    shown = dict(pair for page in PAGES for pair in named.findall(page))
    files = {
        str(path.relative_to(PACKAGE)): f"```{LANGUAGES[path.suffix]}\n{path.read_text()}```"
        for path in sorted(PACKAGE.rglob("*.*"))
        if path.suffix in LANGUAGES and path.name != "__init__.py"
    }
    assert len(files) > 12
    assert shown == files


def test_the_tree_on_the_page_names_every_file():
    tree = PAGES[0].split("```")[1]
    files = [path for path in PACKAGE.rglob("*.*") if path.suffix in LANGUAGES]
    assert [path.name for path in files if path.name not in tree] == []
    assert [path.parent.name for path in files if path.parent.name not in f"{tree}package"] == []
