"""A link leads into the site, or is plain words; never out of it."""

import re
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "scripts/docs_site"))
from links import rewrite_links  # noqa: E402

PAGES = {
    "numbers.md", "adr/0001-nouns.md", "changelog.md", "reference/conf/strategy.md",
    "reference/conf/train.md", "reference/api/mri.md", "results/boxes.png",
}  # fmt: skip


@pytest.mark.parametrize(
    ("page", "text", "expected"),
    [
        ("docs/a.md", "[n](numbers.md#inside-lesions)", "[n](numbers.md#inside-lesions)"),
        ("docs/tutorials/a.md", "[n](../numbers.md)", "[n](../numbers.md)"),
        ("docs/a.md", "[front](../README.md)", "front"),
        ("CHANGELOG.md", "[n](docs/numbers.md)", "[n](numbers.md)"),
        ("docs/a.md", "[c](../CHANGELOG.md)", "[c](changelog.md)"),
        ("docs/adr/0001-nouns.md", "[c](../../CHANGELOG.md)", "[c](../changelog.md)"),
        ("docs/a.md", "[s](../conf/strategy/fl_mr.yaml)", "[s](reference/conf/strategy.md)"),
        ("CHANGELOG.md", "[conf/](conf)", "[conf/](reference/conf/train.md)"),
        ("docs/a.md", "[f](../flmrcm/mri/fourier.py)", "[f](reference/api/mri.md)"),
        ("docs/a.md", "[m](../Makefile)", "m"),
        ("docs/a.md", "[dead](gone.md)", "[dead](gone.md)"),
        ("docs/a.md", "![b](results/boxes.png)", "![b](results/boxes.png)"),
        ("docs/a.md", "[w](https://arxiv.org) [h](#here)", "[w](https://arxiv.org) [h](#here)"),
    ],
)
def test_links_are_rewritten(page, text, expected):
    assert rewrite_links(text, page, PAGES) == expected


def test_every_page_that_the_navigation_names_is_there_or_generated():
    text = (ROOT / "mkdocs.yml").read_text()
    nav = str(yaml.safe_load(text)["nav"])
    made = {"changelog.md", "contributing.md", "reporting.md", "reference/commands.md"}
    named = set(re.findall(r"[\w/-]+\.md", nav))
    assert {"index.md", "numbers.md"} <= named
    assert [page for page in named - made if not (ROOT / "docs" / page).is_file()] == []
