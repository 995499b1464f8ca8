"""What MkDocs calls: pages that are generated, and links that lead into the site."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import griffe
from configuration import write_group_page, write_train_page
from links import TOP, rewrite_links
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
_CONF, _PACKAGE = ROOT / "conf", ROOT / "flmrcm"
_NOT_GROUPS = ("hydra", "benchmark", "prepare", "reconstruct")
_NOT_ROOMS = ("commands", "conf", "diagnosis")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages."""
    pages = {name: (ROOT / path).read_text(encoding="utf-8") for path, name in TOP.items()}
    pages["reference/commands.md"] = _write_commands()
    pages["reference/conf/train.md"] = write_train_page(_CONF / "train.yaml", describe)
    for folder in sorted(path for path in _CONF.iterdir() if path.is_dir()):
        if folder.name not in _NOT_GROUPS:
            pages[f"reference/conf/{folder.name}.md"] = write_group_page(folder, describe)
    pages["reference/api/flmrcm.md"] = _write_library()
    for room in sorted(p for p in _PACKAGE.iterdir() if (p / "__init__.py").exists()):
        if room.name not in _NOT_ROOMS:
            pages[f"reference/api/{room.name}.md"] = _write_room(room)
    for name, text in pages.items():
        files.append(File.generated(config, name, content=text))
    _add_to_nav(config, [file.src_uri for file in files.documentation_pages()])
    return files


def on_page_markdown(markdown: str, page: Page, files: Files, **_: object) -> str:
    """Rewrite the links of the pages that people wrote."""
    origin = {name: path for path, name in TOP.items()}
    place = origin.get(page.file.src_uri, f"docs/{page.file.src_uri}")
    if page.file.src_uri.startswith("reference/"):
        return markdown
    known = {file.src_uri for file in files}
    return rewrite_links(markdown, place, known)


@cache
def describe(target: str) -> Mapping[str, tuple[str, str]]:
    """Return type and meaning of a class's or function's arguments, without importing it."""
    if not target.startswith("flmrcm."):
        return {}
    try:
        found = _load()[target.removeprefix("flmrcm.")]
    except KeyError:  # of a transport, whose folder is no package
        return {}
    found = found.final_target if found.is_alias else found
    docs = found.docstring.parse("google") if found.docstring else []
    texts = {
        each.name: " ".join(each.description.split())
        for section in docs
        if section.kind is griffe.DocstringSectionKind.parameters
        for each in section.value
    }
    return {
        each.name: (str(each.annotation or ""), texts.get(each.name, ""))
        for each in found.parameters
        if each.name != "self"
    }


@cache
def _load() -> griffe.Object:
    return griffe.load("flmrcm", search_paths=[str(ROOT)], resolve_aliases=True)  # pyright: ignore[reportReturnType]


def _write_commands() -> str:
    parts = ["# Commands", "", "What `flmrcm COMMAND --help` prints.", ""]
    for path in sorted((_PACKAGE / "commands/help").glob("*.txt")):
        parts += [f"## flmrcm {path.stem}", "", "```text", path.read_text().rstrip(), "```", ""]
    return "\n".join(parts)


def _write_library() -> str:
    """Return the page of the names that `from flmrcm import …` gives, each with its place."""
    package = _load()
    lines = ["# flmrcm", "", package.docstring.value if package.docstring else "", ""]
    for name, found in sorted(package.members.items()):
        if isinstance(found, griffe.Alias) and found.target_path.startswith("flmrcm."):
            lines.append(f"- [`{name}`][{_find_path(found)}]")
    return "\n".join([*lines, "", "::: flmrcm.library", ""])


def _find_path(alias: griffe.Alias) -> str:
    try:
        return alias.final_target.path
    except griffe.AliasResolutionError:
        return alias.target_path


def _write_room(room: Path) -> str:
    files = (p for p in sorted(room.rglob("*.py")) if not p.name.startswith("__"))
    modules = [p for p in files if (p.parent / "__init__.py").exists() and "app" not in p.parts]
    modules = [p for p in modules if (p.parent.parent / "__init__.py").exists() or p.parent == room]
    lines = [f"# flmrcm.{room.name}", ""]
    if (about := _load()[room.name].docstring) is not None:
        lines += [about.value, ""]
    for path in modules:
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        lines += [f"::: {name}", ""]
    return "\n".join(lines)


def _add_to_nav(config: MkDocsConfig, pages: list[str]) -> None:
    """Put what is generated under Reference, decisions under Explanation, the rest under More."""
    nav = config.nav or []
    for section in nav:
        if "Reference" in section:
            section["Reference"] += [
                {"Configuration": [p for p in pages if p.startswith("reference/conf/")]},
                {"Python": [p for p in pages if p.startswith("reference/api/")]},
            ]
        if "Explanation" in section:
            section["Explanation"] += [{"Decisions": [p for p in pages if p.startswith("adr/")]}]
    named = str(nav)
    if rest := [p for p in pages if p not in named and not p.startswith("reference/")]:
        nav.append({"More": rest})
