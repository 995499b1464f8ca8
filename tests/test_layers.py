"""The house's floors: imports only go down, nothing goes in circles, no room grows too large."""

import ast
import tomllib
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from importlib.metadata import PackageNotFoundError, requires
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = {
    "types": 1, "errors": 1, "seeding": 1, "files": 1, "csv_rows": 1, "run_files": 1, "logs": 1,
    "signals": 1, "file_queue": 1,
    "mri": 2, "strategies": 2, "privacy": 2,
    "data": 3, "models": 3,
    "learning": 4, "inspection": 4, "prepare": 4, "simulation": 4,
    "federation": 5, "middleware": 5,
    "engines": 6, "tracking": 6, "attacks": 6,
    "config": 7, "remote": 7,
    "reports": 8, "remote.flower": 8, "remote.nvflare": 8, "remote.provision": 8,
    "remote.launch": 8,
    "runs": 9, "diagnosis": 9,
    "commands": 10, "app": 10, "library": 10, "__main__": 10, "scripts": 10,
    "remote.flower.app": 10, "remote.nvflare.app": 10, "remote.__main__": 10,
}  # fmt: skip
"""The longest name that a module begins with counts. What a transport starts stands above runs."""

CONFIG = FLOORS["config"]

LINES_PER_FILE, LINES_PER_FUNCTION = 250, 40


def sources() -> list[Path]:
    return sorted([*(ROOT / "flmrcm").rglob("*.py"), *(ROOT / "scripts").rglob("*.py")])


def module_name(path: Path) -> str:
    """`flmrcm.data.site`, `scripts.train`; a package is called like its folder."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sources()}


def room(module: str) -> str:
    """`data` for `flmrcm.data.site`, `seeding` for `flmrcm.seeding`; started apps are a room."""
    first, *rest = module.split(".")
    if rest[0:1] == ["remote"] and rest[-1:] != ["remote"] and floor(module) == 10:
        return "apps"
    return first if first == "scripts" or not rest else rest[0]


def floor(module: str) -> int:
    """The floor of the longest name in `FLOORS` that the module begins with."""
    if module == "flmrcm":
        return FLOORS["library"]  # it only names, lazily, what others hold
    parts = module.split(".")[0 if module.startswith("scripts") else 1 :]
    names = [".".join(parts[:length]) for length in range(len(parts), 0, -1)]
    return next(FLOORS[name] for name in names if name in FLOORS)


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def imported(path: Path) -> Iterator[str]:
    """Every module a file imports, wherever in the file; `from a import b` may mean a or a.b."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: import by the full name"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in MODULES else str(node.module)


def arrows() -> list[tuple[str, str]]:
    """(who imports, who is imported) inside the house."""
    return [
        (module, other)
        for module, path in MODULES.items()
        for other in imported(path)
        if other.split(".")[0] in ("flmrcm", "scripts") and other != "flmrcm"
    ]


def users_of(library: str) -> set[str]:
    return {
        module
        for module, path in MODULES.items()
        if any(name.split(".")[0] == library for name in imported(path))
    }


def test_the_house_stands() -> None:
    assert len(MODULES) > 30
    assert ("flmrcm.strategies.fedavg", "flmrcm.strategies.base") in arrows()
    assert {floor(module) for module in MODULES} == set(range(1, 11))


def test_no_arrow_goes_up() -> None:
    assert [pair for pair in arrows() if floor(pair[0]) < floor(pair[1])] == []


@pytest.mark.parametrize("name", [lambda module: module, room], ids=["modules", "rooms"])
def test_nothing_goes_in_circles(name) -> None:
    graph: dict[str, set[str]] = {}
    for user, used in arrows():
        if name(user) != name(used):
            graph.setdefault(name(user), set()).add(name(used))
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))


def test_strategies_see_the_ground_floor_and_each_other_only() -> None:
    seen = {room(b) for a, b in arrows() if room(a) == "strategies"}
    assert seen <= {"strategies", *(name for name, number in FLOORS.items() if number == 1)}


def test_models_never_see_data() -> None:
    assert [
        pair for pair in arrows() if room(pair[0]) == "models" and room(pair[1]) == "data"
    ] == []


@pytest.mark.parametrize("library", ["hydra", "omegaconf"])
def test_config_stops_at_the_door(library: str) -> None:
    users = users_of(library)
    assert users
    assert {module for module in users if floor(module) < CONFIG} == set()


def test_only_tracking_sees_wandb() -> None:
    assert {room(module) for module in users_of("wandb")} == {"tracking"}


@pytest.mark.parametrize(("library", "place"), [("flwr", "flower"), ("nvflare", "nvflare")])
def test_only_a_transports_own_room_sees_its_library(library: str, place: str) -> None:
    users = users_of(library)
    assert users
    assert {m for m in users if not m.startswith(f"flmrcm.remote.{place}.")} == set()


def test_nothing_below_runs_sees_what_is_between_hospitals() -> None:
    users = {a for a, b in arrows() if room(b) == "remote" and room(a) != "remote"}
    assert users
    assert {module for module in users if floor(module) < FLOORS["runs"]} == set()


@pytest.mark.parametrize("library", ["torchvision", "torchaudio", "fastmri", "hydra_plugins"])
def test_nothing_imports_what_breaks_other_machines(library: str) -> None:
    assert users_of(library) == set()


def needed(requirement: str, seen: set[str]) -> set[str]:
    """The requirement and, where they're installed, all it requires in turn; no extras."""
    name = requirement.split(";")[0].strip()
    for mark in "[<>=!~ (":
        name = name.split(mark)[0]
    name = name.lower().replace("_", "-")
    if name in seen:
        return seen
    seen.add(name)
    try:
        below = requires(name) or []
    except PackageNotFoundError:
        below = []
    for line in below:
        if "extra ==" not in line:
            needed(line, seen)
    return seen


def test_torchvision_is_required_by_nothing() -> None:
    """Its wheel for one kind of machine breaks Lightning on another."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = [project["project"]["dependencies"]]
    groups += project["project"].get("optional-dependencies", {}).values()
    groups += project.get("dependency-groups", {}).values()
    seen: set[str] = set()
    for requirement in chain.from_iterable(groups):
        if isinstance(requirement, str):
            needed(requirement, seen)
    assert {"torch", "lightning-utilities"} <= seen
    assert "torchvision" not in seen


def test_no_room_is_called_utils() -> None:
    parts = {part for module in MODULES for part in module.split(".")}
    assert parts & {"utils", "util", "helpers", "misc", "common"} == set()


def test_no_folder_holds_a_single_file() -> None:
    folders = {path.parent for path in MODULES.values() if "scripts" not in path.parts}
    files = {
        folder: [p for p in folder.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()]
        for folder in folders
    }
    assert [folder.name for folder, inside in files.items() if len(inside) < 3] == []


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_and_no_function_is_too_long(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LINES_PER_FILE
    long = {
        node.name: node.end_lineno - node.lineno + 1
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno - node.lineno >= LINES_PER_FUNCTION
    }
    assert long == {}
