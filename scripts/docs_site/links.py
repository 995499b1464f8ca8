"""Links of the pages as they lie in docs/, rewritten for the site."""

import posixpath
import re
from collections.abc import Collection

_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")


def rewrite_links(text: str, page: str, pages: Collection[str]) -> str:
    """Return a page whose links out of docs/ lead into the site, or are plain words.

    Args:
        text: in Markdown.
        page: its path from the checkout's root, `docs/numbers.md` or `CHANGELOG.md`.
        pages: of the site, from docs/: `numbers.md`, `changelog.md`.
    """

    def rewrite(found: re.Match[str]) -> str:
        sign, words, link = found.groups()
        if "://" in link or link.startswith(("#", "mailto:")):
            return found[0]
        path, hash_, anchor = link.partition("#")
        place = posixpath.normpath(posixpath.join(posixpath.dirname(page), path))
        if target := _find_page(place, pages):
            here = posixpath.dirname(_find_page(page, pages) or page.removeprefix("docs/"))
            return f"{sign}[{words}]({posixpath.relpath(target, here or '.')}{hash_}{anchor})"
        if place.startswith("docs/"):
            return found[0]  # it leads nowhere: MkDocs says so
        return words if sign == "" else ""

    return _LINK.sub(rewrite, text)


def _find_page(place: str, pages: Collection[str]) -> str | None:
    """Return the site's page of a file of the checkout; None where there's none."""
    if place.startswith("docs/") and (inner := place.removeprefix("docs/")) in pages:
        return inner
    if place in TOP:
        inner = TOP[place]
        return inner if inner in pages else None
    if place == "docs/adr":
        return next((page for page in sorted(pages) if page.startswith("adr/")), None)
    if place == "conf" or place.startswith("conf/"):
        group = place.split("/")[1] if place.count("/") else ""
        inner = f"reference/conf/{group.removesuffix('.yaml')}.md"
        return inner if inner in pages else "reference/conf/train.md"
    if place.startswith("flmrcm/") and place.endswith(".py"):
        inner = f"reference/api/{place.split('/')[1].removesuffix('.py')}.md"
        return inner if inner in pages else None
    return None


TOP = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "reporting.md",
}
"""Pages of the checkout's root, and what the site calls them; its own start page is no README."""
