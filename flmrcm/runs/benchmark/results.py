"""A method's file of results: what is in it isn't run again, what is run goes into it at once."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from flmrcm.config.benchmark import Cell
from flmrcm.data.digest import EQUAL, DigestDifference
from flmrcm.errors import DataLayoutError, FlmrcmError
from flmrcm.reports.leaderboard.result_file import Result, read_result, select_cells
from flmrcm.runs.benchmark.contest import Contest

log = logging.getLogger(__name__)


def keep_results(
    contest: Contest,
    chains: Sequence[Sequence[Cell]],
    data: DigestDifference,
    path: Path,
    tested: Mapping[str, set[str]],
) -> None:
    """Run what isn't in a file of results yet, and write it there, chain by chain.

    Args:
        contest: the method.
        chains: the runs that are asked for.
        data: how this machine's data differ from the protocol's.
        path: of the file; parts from other machines may be in it.
        tested: the protocol's test volumes.

    Raises:
        DataLayoutError: the file holds another method's results, or another version's.
        FlmrcmError: a line for each run that failed.
    """
    done = _open(contest, path, tested).runs
    left = [chain for chain in chains if not all(cell in done for cell in chain)]
    log.info(
        "%s: %d of %d runs are in it",
        path,
        len(done),
        sum(1 for _ in contest.protocol.list_cells()),
    )
    if not left:
        return
    how = data.kind if data.kind == EQUAL else f"{data.kind}, up to {data.largest:.1g}"
    for found in contest.run(left, how):
        result = _open(contest, path, tested)  # another part may have written meanwhile
        for cell, record in found.runs.items():
            result = result.add(cell, record, select_cells(found.scores, {cell}))
        if found.runs:
            result.write(path)
    if failures := contest.list_failures():
        raise FlmrcmError("\n".join(failures))


def _open(contest: Contest, path: Path, tested: Mapping[str, set[str]]) -> Result:
    if not path.exists():
        return Result(contest.about)
    result, own = read_result(path, contest.protocol, tested), contest.about
    if result.about == own:
        return result
    what, version = f"of {result.about.method} under another config;", result.about.version
    if result.about.model_copy(update={"version": own.version}) == own:
        what = f"of flmrcm {version}, and this is {own.version}; go on with that one, or"
    raise DataLayoutError(
        f"{path}: holds results {what} give these another folder, results=FOLDER."
    )
