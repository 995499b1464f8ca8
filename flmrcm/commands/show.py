"""`flmrcm show`: one run: its state, scores, chosen settings, curves and files."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console, RenderableType
from rich.text import Text

from flmrcm.commands.flags import FlagParser
from flmrcm.config.changes import list_changes
from flmrcm.errors import FlmrcmError
from flmrcm.reports.collected.finished_runs import find_run_folders
from flmrcm.reports.collected.run_overview import RunOverview, read_overview
from flmrcm.reports.figures.terminal_curves import draw_curves
from flmrcm.reports.tables.fitting import print_whole
from flmrcm.reports.tables.overview_tables import (
    build_changes_table,
    format_age,
    format_state,
    list_files,
)
from flmrcm.reports.tables.terminal import build_run_table
from flmrcm.run_files import CONFIG, SCORES
from flmrcm.tracking.run_info import describe_accelerations

_OUTPUTS = "outputs"
_WIDEST_CURVES = 100


def main(words: Sequence[str]) -> None:
    """Print what there is to know of a run.

    Raises:
        ConfigErrors: a word that isn't understood.
        FlmrcmError: no such run, several, or its files are damaged.
    """
    parser = FlagParser("show")
    parser.add_argument("run")
    run = read_overview(find_run(parser.parse_args(words).run))
    if run.state == "damaged":
        raise FlmrcmError(run.reason)
    print_whole(*_describe(run))


def find_run(name: str) -> Path:
    """Return the folder of a run: given itself, or the beginning of its name below outputs/.

    Raises:
        FlmrcmError: there's none, or there are several.
    """
    if (Path(name) / CONFIG).exists():
        return Path(name)
    found = [p for p in find_run_folders(Path(_OUTPUTS)) if p.name.startswith(Path(name).name)]
    inside = [*find_run_folders(Path(name))] if Path(name).is_dir() else []
    if len(found) == 1 and not inside:
        return found[0]
    if several := inside or found:
        shown = ", ".join(map(str, several[:3])) + ", …" * (len(several) > 3)
        raise FlmrcmError(
            f"{name}: {len(several)} runs ({shown}); name one, or flmrcm runs {name}."
        )
    raise FlmrcmError(
        f"{name}: no run (no {CONFIG} in it, and none below {_OUTPUTS}/ is called so)."
    )


def _describe(run: RunOverview) -> Iterator[RenderableType]:
    yield from _describe_state(run)
    if (run.folder / SCORES).exists():
        yield build_run_table(run.folder)
    if changes := list_changes(run.config):
        yield build_changes_table(changes)
    console = Console()
    width = min(console.width, _WIDEST_CURVES)
    for part in draw_curves(run.rows, width, coloured=console.color_system is not None):
        yield from (part, "")
    yield list_files(run.folder)


def _describe_state(run: RunOverview) -> Iterator[Text]:
    rate = describe_accelerations(run.config["mask"])
    target = f"target {run.target}" if run.target else "no target"
    yield Text(f"{run.method} · {target} · {rate} · seed {run.seed}", "bold magenta")
    yield Text(str(run.folder))
    age = format_age(time.time() - run.changed)
    yield Text.assemble(format_state(run), f", {run.rounds[1]} rounds, last written {age} ago")
    if run.reason:
        yield Text(run.reason, "red")
    if run.state in ("failed", "stopped"):
        yield Text(f"go on with: flmrcm train resume={run.folder}", "yellow")
    yield Text("")
