"""What the pages name is there: files, modules, tests, links, and the keys of their commands."""

import re
import shlex
from pathlib import Path

import pytest

from flmrcm.config.compose import compose_config
from flmrcm.config.jobs import list_combinations
from flmrcm.config.plugins import GROUP
from flmrcm.config.preparation import build_preparation, compose_preparation
from flmrcm.config.words import split_own_words

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md")), *sorted(DOCS.glob("tutorials/*.md"))]
PAGE = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
YOURS = re.compile(
    r"conf/(GROUP|site|sites|model_size/SIZE)/(NAME|MODEL|ours|mine|north|south)\.yaml"
)
"""Files that a page asks its reader to write."""


def read(page: Path) -> str:
    """Return a page; of that on extending, what isn't about files that its reader writes."""
    text = page.read_text()
    return text.split("\n## In this package\n")[0].replace("tests/test_laws.py", "")


@PAGE
def test_every_file_that_a_page_names_is_there(page):
    named = re.findall(r"(?<![\w./-])(?:flmrcm|scripts|tests|conf|docs)/[\w./-]*\w", read(page))
    missing = [n for n in named if not (ROOT / n).exists() and not YOURS.fullmatch(n)]
    assert [n for n in missing if f"`{n}`:\n\n```" not in read(page)] == []  # given there, whole


@PAGE
def test_every_module_that_a_page_names_is_there(page):
    named = re.findall(r"\bflmrcm((?:\.[a-z]\w*)+)\b", read(page))
    modules = {f"flmrcm{name}" for name in named} - {GROUP}
    for path in (ROOT / name.replace(".", "/") for name in modules):
        places = path, path.with_suffix(".py"), path.parent.with_suffix(".py")
        assert any(place.exists() for place in places), path


@PAGE
def test_every_link_leads_somewhere(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        path, _, anchor = link.partition("#")
        if "://" in link:
            continue
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor:
            heads = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
            slugs = [re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads]
            assert anchor in slugs, link


@PAGE
def test_every_test_that_a_page_names_is_there(page):
    tests = {name for path in (ROOT / "tests").rglob("test_*.py") for name in names_of(path)}
    assert len(tests) > 500
    assert set(re.findall(r"\btest_\w+(?=`)", read(page))) <= tests
    if page.name == "published-code.md":
        short = set(re.findall(r"`((?!test_)[a-z]+(?:_[a-z]+){4,})`", read(page)))
        assert short
        assert short <= {name.removeprefix("test_") for name in tests}


def names_of(path: Path) -> list[str]:
    return [*re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE), path.stem]


def list_commands(word: str) -> list[str]:
    """Return every `flmrcm train`, `evaluate`, … of a block, whole, that isn't a picture of one."""
    blocks = [b for p in PAGES for b in re.findall(r"```bash\n(.*?)```", p.read_text(), re.DOTALL)]
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [line for line in lines if line.startswith(f"flmrcm {word} ") and "…" not in line]


@pytest.fixture
def own_conf(tmp_path) -> str:
    """Write the configs that pages speak of as their reader's; return the word that adds them."""
    page = (DOCS / "sites.md").read_text()
    (site,) = re.findall(r"```yaml\n# conf/site/ours.yaml\n(.*?)```", page, re.DOTALL)
    for place, text in {
        "site/ours.yaml": site,
        "sites/hospitals.yaml": (ROOT / "conf/sites/bfhi.yaml").read_text(),
    }.items():
        path = tmp_path / place
        path.parent.mkdir()
        path.write_text(text)
    return f"hydra.searchpath=[file://{tmp_path}]"


@pytest.fixture
def own_package(packages, tmp_path, monkeypatch) -> None:
    """Install the package that pages speak of as their reader's."""
    monkeypatch.syspath_prepend(str(ROOT / "tests/extending/package"))
    packages.declare(tmp_path / "installed", "mymri", "mymri.conf")


@pytest.mark.parametrize("line", list_commands("train"))
def test_what_is_typed_for_training_is_understood(line, own_conf, own_package):
    words = [word for word in shlex.split(line, comments=True)[2:] if word != "-m"]
    if any(word.startswith(("resume=", "searchpath=")) for word in words):
        return  # needs a run's folder, or files of the reader's; tests of their own type those
    compose_config("train", [own_conf, *list_combinations(words)[0]])


@pytest.mark.parametrize("line", list_commands("evaluate"))
def test_what_is_typed_for_evaluation_is_understood(line, own_package):
    words = [word for word in shlex.split(line, comments=True)[2:] if word != "-m"]
    first = list_combinations(words)[0]
    own, others = split_own_words("evaluate", first)
    assert own
    compose_config("evaluate", own)
    compose_config("train", others)


@pytest.mark.parametrize("line", list_commands("reconstruct"))
def test_what_is_typed_for_reconstruction_is_understood(line):
    own, others = split_own_words("reconstruct", shlex.split(line, comments=True)[2:])
    assert {word.split("=")[0] for word in own} >= {"checkpoint", "input", "output"}
    compose_config("reconstruct", own)
    compose_config("train", others)


@pytest.mark.parametrize("line", list_commands("attack"))
def test_what_is_typed_for_attacks_is_understood(line):
    own, others = split_own_words("attack", shlex.split(line, comments=True)[2:])
    assert {word.split("=")[0] for word in own} >= {"checkpoint", "kind"}
    compose_config("attack", own)
    compose_config("train", others)


@pytest.mark.parametrize("line", list_commands("prepare"))
def test_what_is_typed_for_preparation_is_understood(line, own_package):
    build_preparation(compose_preparation(shlex.split(line, comments=True)[2:]), print)


def test_pictures_are_small_and_shown():
    """A page is read on a slow line, too; what no page shows, nobody needs."""
    pictures = sorted((DOCS / "pictures").iterdir())
    shown = "".join(page.read_text() for page in [*PAGES, ROOT / "CONTRIBUTING.md"])
    assert pictures
    assert [p.name for p in pictures if p.stat().st_size > 150_000] == []
    assert [p.name for p in pictures if f"pictures/{p.name})" not in shown] == []
