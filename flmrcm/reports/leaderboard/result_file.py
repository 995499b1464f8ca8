"""One method's results in a benchmark: a small CSV that holds all it takes to repeat them.

    # {"benchmark": "v1", "protocol": "<digest>", "method": "fl_mr", "strategy": {…}, …}
    # {"run": ["participating", "t1_single", "sim_h", 1], "config": "<hash>", "steps": 960, …}
    task,setting,target,seed,site,volume,zero_filled_psnr,psnr,ssim,nmse
    participating,t1_single,sim_h,1,sim_b,sim_b_test_000,21.3300,24.0100,0.800100,0.012000

Lines that begin with # hold JSON: first the method, then a line for each run. The rest is a table:
`pandas.read_csv(path, comment="#")` reads it. A file may come from anybody, so it is data: whatever
isn't as the protocol says is refused, and nothing that it names is built here.
"""

import csv
import json
import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from io import StringIO
from pathlib import Path
from typing import Annotated, Any, cast

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from flmrcm.config.benchmark import Cell, Protocol
from flmrcm.errors import DataLayoutError, FlmrcmError
from flmrcm.files import write_atomically
from flmrcm.learning.metrics import ZERO_FILLED
from flmrcm.reports.collected.comparison import select_rows

KEYS = ["task", "setting", "target", "seed"]
PLACES = [*KEYS, "site", "volume"]
ZERO_FILLED_PSNR = "zero_filled_psnr"
"""The column of what reconstructions start from; it depends on data and masks alone."""

DIGITS, MOST_BYTES = 6, 2_000_000
Word = Annotated[str, Field(pattern=(_WORD := r"^[\w.-]{1,80}$"))]
Title = Annotated[str, Field(pattern=r"^[\w .,()=/+-]{1,60}$")]
Text = Annotated[str, Field(pattern=r"^[^|<>\n\[\]`]{0,300}$")]
"""What may stand on a page as it is."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class About(_Strict):
    """Whose results these are.

    Attributes:
        benchmark: name of the protocol.
        protocol: digest of the protocol.
        method: name of the strategy's config.
        name: how tables call it.
        model: a name among the protocol's models.
        strategy: the strategy's config, plain.
        version: of flmrcm.
    """

    benchmark: Word
    protocol: Word
    method: Annotated[str, Field(pattern=r"^[\w./-]{1,80}$")]
    name: Title
    model: Word
    strategy: dict[str, Any]
    version: Word


class RunRecord(_Strict):
    """What is known of a run beside its scores.

    Attributes:
        config: hash of all that changes its numbers; of a test, of what it tests.
        steps: optimizer steps of all sites over all rounds.
        personal_steps: those that they took beside these, for weights of their own.
        bytes: that were sent, in both directions; 0 for a test.
        seconds: of the processor, training and test; 0 of a test, or a run that was gone on with.
        machine: processor, and version of torch.
        data: whether its volumes were equal to the protocol's, or by how much they differ.
        weights: which weights were tested, where not all sites have the same.
    """

    config: Word
    steps: Annotated[int, Field(ge=0)]
    personal_steps: Annotated[int, Field(ge=0)] = 0
    bytes: Annotated[int, Field(ge=0)]
    seconds: Annotated[float, Field(ge=0)]
    machine: Text
    data: Text
    weights: Text = ""


@dataclass(frozen=True)
class Result:
    """The results of a method in a benchmark.

    Attributes:
        about: whose they are.
        runs: what is known of each run.
        scores: `PLACES`, and a column for each metric; a value that isn't finite is not-a-number.
    """

    about: About
    runs: Mapping[Cell, RunRecord] = field(default_factory=dict[Cell, RunRecord])
    scores: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=PLACES))

    @property
    def metrics(self) -> list[str]:
        """The names of its metrics."""
        known = (*PLACES, ZERO_FILLED_PSNR)
        return [name for name in map(str, self.scores.columns) if name not in known]

    def add(self, cell: Cell, record: RunRecord, scores: pd.DataFrame) -> "Result":
        """Return it with one more run, or a run replaced."""
        rest = select_cells(self.scores, self.runs.keys() - {cell})
        parts = [scores] if rest.empty else [rest, scores]
        table = pd.concat(parts, ignore_index=True)
        return replace(self, runs={**self.runs, cell: record}, scores=table)

    def write(self, path: Path) -> None:
        """Write the file, sorted, so that one more run is some more lines."""
        lines = [self.about.model_dump()]
        lines += [{"run": cell, **self.runs[cell].model_dump()} for cell in sorted(self.runs)]
        head = "".join(f"# {json.dumps(line, ensure_ascii=False)}\n" for line in lines)
        table = self.scores.sort_values(PLACES).to_csv(
            index=False, lineterminator="\n", float_format=f"%.{DIGITS}g"
        )
        write_atomically(path, head + table)


def select_cells(scores: pd.DataFrame, cells: Collection[Cell]) -> pd.DataFrame:
    """Return the rows of some runs."""
    chosen = [Cell(*key) in cells for key in scores[KEYS].itertuples(index=False)]
    return cast(pd.DataFrame, scores[np.array(chosen, bool)])


def tabulate_scores(cell: Cell, scores: pd.DataFrame, protocol: Protocol) -> pd.DataFrame:
    """Return a run's scores as results hold them: a row per volume, a column per metric.

    Args:
        cell: the run's.
        scores: as in `scores.csv`.
        protocol: says the convention of all metrics, and which sites are judged.
    """
    rows = select_rows(scores, convention=protocol.convention)
    rows = rows.assign(volume=[str(name).rsplit("/", 1)[-1] for name in rows["volume"]])
    if protocol.tasks[cell.task].judged == "target":
        rows = select_rows(rows, site=cell.target)
    empty, index = rows["method"] == ZERO_FILLED, ["site", "volume"]
    own = cast(pd.DataFrame, rows[~empty])
    table = cast(pd.DataFrame, own.set_index([*index, "metric"])["value"].unstack("metric"))
    inputs = select_rows(select_rows(rows, method=ZERO_FILLED), metric="psnr")
    table.insert(0, ZERO_FILLED_PSNR, inputs.set_index(index)["value"])
    # as the file will hold them: whoever repeats the run compares the same digits
    table = table.map(lambda value: float(f"{value:.{DIGITS}g}")).reset_index()
    table = table.assign(**cell._asdict())
    return table.reindex(columns=[*PLACES, *table.columns.difference(PLACES, sort=False)])


def read_benchmark(path: Path) -> str:
    """Return the name of the protocol that a file says it is of.

    Raises:
        DataLayoutError: no file of results.
    """
    try:
        first = path.read_bytes()[:MOST_BYTES].split(b"\n")[0]
    except OSError as error:
        raise DataLayoutError(f"{path}: not readable ({error.strerror}).") from None
    with suppress(ValueError, TypeError, LookupError, RecursionError):
        if re.fullmatch(r"\w{1,40}", name := json.loads(first[1:])["benchmark"]):
            return name
    raise DataLayoutError(f"{path}: not a file of results.")


def read_result(path: Path, protocol: Protocol, tested: Mapping[str, set[str]]) -> Result:
    """Return the results in a file, checked against their protocol.

    Args:
        path: the file.
        protocol: that they have to be of.
        tested: the protocol's test volumes, `site/volume`, by setting.

    Raises:
        DataLayoutError: not such a file, of another protocol, or with other runs or volumes.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"larger than {MOST_BYTES} bytes")
        lines = path.read_text(encoding="utf-8").splitlines()
        notes = [json.loads(line[1:]) for line in lines if line.startswith("#")]
        about = About.model_validate(notes[0] if notes else {})
        runs = {Cell(*note.pop("run")): RunRecord.model_validate(note) for note in notes[1:]}
        scores = _parse_table("\n".join(line for line in lines if not line.startswith("#")))
        result = Result(about, runs, scores)
        _check(result, protocol, tested)
    except OSError as error:
        raise DataLayoutError(f"{path}: not readable ({error.strerror}).") from None
    except ValidationError as error:
        why = ", ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:3])
        raise DataLayoutError(f"{path}: not results of {protocol.name}: {why}.") from None
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        why = str(error).rstrip(".")
        raise DataLayoutError(f"{path}: not results of {protocol.name}: {why}.") from None
    return result


def read_results(
    folder: Path, protocol: Protocol, tested: Mapping[str, set[str]]
) -> tuple[dict[Path, Result], list[str]]:
    """Return the results in a folder, by their files, and a line for each that can't be read."""
    results, problems = dict[Path, Result](), list[str]()
    for path in sorted(folder.glob("*.csv")):
        try:
            results[path] = read_result(path, protocol, tested)
        except FlmrcmError as error:
            problems.append(str(error))
    return results, problems


def _parse_table(text: str) -> pd.DataFrame:
    metrics = (heads := next(csv.reader(StringIO(text)), []))[len(PLACES) :]
    if heads[: len(PLACES)] != PLACES or not {ZERO_FILLED_PSNR, "psnr", "ssim"} <= {*metrics}:
        raise ValueError(f"its table doesn't begin with {', '.join(PLACES)}")
    if len({*heads}) < len(heads) or not all(re.match(_WORD, name) for name in heads):
        raise ValueError("its table's columns aren't words, each once")
    kinds: Any = {**dict.fromkeys(PLACES, str), **dict.fromkeys(metrics, float), "seed": int}
    empty = {name: ["", "nan"] for name in metrics}
    table = pd.read_csv(StringIO(text), dtype=kinds, keep_default_na=False, na_values=empty)
    return table.replace([np.inf, -np.inf], np.nan)


def _check(result: Result, protocol: Protocol, tested: Mapping[str, set[str]]) -> None:
    """Raise an error unless it's of the protocol, and each run has exactly the volumes it needs."""
    about, found = result.about, {cell: list[str]() for cell in result.runs}
    if (about.benchmark, about.protocol) != (protocol.name, protocol.digest):
        raise ValueError(f"of {about.benchmark} with the digest {about.protocol[:12]}…")
    if about.model not in protocol.models:
        raise ValueError(f"its model is none of {', '.join(protocol.models)}")
    for *key, site, volume in result.scores[PLACES].itertuples(index=False):
        found.setdefault(Cell(*key), []).append(f"{site}/{volume}")
    for cell, volumes in found.items():
        if cell not in {*protocol.list_cells()} & result.runs.keys():
            raise ValueError(f"{cell.name} is no run of it")
        everywhere = protocol.tasks[cell.task].judged == "all"
        wanted = [v for v in tested[cell.setting] if everywhere or v.startswith(f"{cell.target}/")]
        if sorted(volumes) != sorted(wanted):
            raise ValueError(f"{cell.name} has other volumes than the protocol")
