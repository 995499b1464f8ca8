"""The page that a newcomer sees first is short, and shows what can be seen."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
MOST_LINES = 200


def test_the_page_is_short():
    assert len(README.splitlines()) <= MOST_LINES


def test_its_table_is_the_demos():
    """PSNR alone stands in the README, the whole table on a page; they don't drift apart."""
    whole = (ROOT / "docs/results-demo.md").read_text()
    rows = re.findall(r"^\| (zero-filled|FL-MR|FL-MRCM) (\| [ \d.*|]+)$", README, re.MULTILINE)
    assert len(rows) == 3
    assert all(f"| PSNR (dB) | {method} {scores}" in whole for method, scores in rows)


def test_every_page_is_one_or_two_clicks_away():
    named = list_linked(ROOT / "README.md")
    reached = named.union(*(list_linked(page) for page in named))
    pages = {*(ROOT / "docs").glob("*.md"), *(ROOT / "docs/tutorials").glob("*.md")}
    assert pages - reached == set()


def list_linked(page):
    links = re.findall(r"\]\(([\w./-]+\.md)", page.read_text())
    return {(page.parent / link).resolve() for link in links}
