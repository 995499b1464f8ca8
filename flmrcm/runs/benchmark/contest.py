"""A method's runs in a benchmark: those that aren't done yet are run, and their results kept."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from time import process_time
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf

from flmrcm import __version__
from flmrcm.config.allow_list import AllowList
from flmrcm.config.benchmark import Cell, Protocol, Words, identify
from flmrcm.config.build import to_plain
from flmrcm.config.check import check_config
from flmrcm.config.compose import compose_config, gather_problems
from flmrcm.errors import FlmrcmError
from flmrcm.learning.processor import describe_processor
from flmrcm.logs import log_warnings_only
from flmrcm.reports.collected.comparison import select_rows
from flmrcm.reports.collected.finished_runs import read_run
from flmrcm.reports.leaderboard.result_file import About, Result, RunRecord, tabulate_scores
from flmrcm.runs.evaluation import prepare_evaluation
from flmrcm.runs.folder import RunFolder
from flmrcm.runs.jobs import run_tolerantly
from flmrcm.runs.sweep import Sweep
from flmrcm.runs.training import launch

CPU_SECONDS = "cpu_seconds"


@dataclass(frozen=True)
class Contest:
    """A method that takes part in a benchmark.

    Attributes:
        protocol: the benchmark's.
        method: name of its strategy's config.
        model: a name among the protocol's models.
        strategy: the method: the name again, or the config that somebody's results hold.
        search: words that say where more configs are.
        root: where the folders of its runs go.
        allowed: what may be built, where somebody else wrote the strategy's config.
    """

    protocol: Protocol
    method: str
    model: str
    strategy: str | Mapping[str, Any]
    search: Words
    root: Path
    allowed: AllowList | None = None

    def compose(self, cell: Cell, more: Words = ()) -> DictConfig:
        """Return the config of a cell that trains."""
        more = [*self.search, *more]
        return self.protocol.compose(cell, self.model, self.strategy, more)

    def check(self, cells: Sequence[Cell]) -> None:
        """Build what the cells describe, short of reading data.

        Raises:
            ConfigErrors: the problems of all of them, each once.
        """

        def check(cell: Cell) -> None:
            # what may be built of somebody else's config is told without interpolations in it
            config: Any = OmegaConf.create(to_plain(self.compose(cell)))
            check_config(config, self.allowed)

        trained = [cell for cell in cells if not self.protocol.tasks[cell.task].evaluates]
        with log_warnings_only():
            gather_problems([lambda c=cell: check(c) for cell in trained])

    def run(self, chains: Sequence[Sequence[Cell]], data: str) -> Iterator[Result]:
        """Run the cells that aren't done; after each chain, yield the results of its cells.

        Args:
            chains: cells; in each list the others go on from the first.
            data: how this machine's data differ from the protocol's.
        """
        Sweep.begin([self._locate(cell) for chain in chains for cell in chain])
        for chain in chains:
            result = Result(self.about)
            for cell in chain:
                folder = RunFolder(self._locate(cell))
                if not folder.done:
                    run_tolerantly(folder, lambda c=cell, f=folder: self._run_cell(c, f))
                if folder.done:
                    scores = read_run(folder.path).scores
                    table = tabulate_scores(cell, scores, self.protocol)
                    result = result.add(cell, self._record(cell, data), table)
            yield result

    def list_failures(self) -> list[str]:
        """Return a line for each of its planned runs that isn't done."""
        sweep = Sweep.find(self.folder / "any")
        return sweep.list_failures() if sweep else []

    @cached_property
    def about(self) -> About:
        """Whose results they are."""
        strategy = to_plain(self.compose(next(self.protocol.list_cells())).strategy)
        return About(
            benchmark=self.protocol.name, protocol=self.protocol.digest, method=self.method,
            name=strategy["name"], model=self.model, strategy=strategy, version=__version__,
        )  # fmt: skip

    @cached_property
    def folder(self) -> Path:
        """Where its runs go; another protocol or another config of the method has another place."""
        about = json.dumps(self.about.model_dump(exclude={"version"}), sort_keys=True)
        name = f"{self.method}-{self.model}".replace("/", "_")
        return self.root / f"{name}-{sha256(about.encode()).hexdigest()[:8]}"

    def _locate(self, cell: Cell) -> Path:
        return self.folder / cell.name

    def _run_cell(self, cell: Cell, folder: RunFolder) -> None:
        start, more = self.protocol.find_start(cell), list[str]()
        if start and not RunFolder(self._locate(start)).done:
            raise FlmrcmError(f"goes on from {start.name}, which isn't done.")
        checkpoint = self._locate(start) / "checkpoints" / "last.pt" if start else None
        if self.protocol.tasks[cell.task].evaluates:
            # the file is this program's own; what it names was looked at before it was trained
            asked = compose_config("evaluate", [f"checkpoint={checkpoint}", "trust=true"])
            with folder.lock():
                folder.clear_marks()
                prepare_evaluation(asked, self.protocol.list_test_words(cell)).run(folder.path)
            return
        more += [f"init_from={checkpoint}"] if checkpoint else []
        whole, began = not folder.started, process_time()
        launch(self.compose(cell, more), folder, resumes=True)
        if whole:  # of a run that is gone on with, nobody knows what the first part took
            folder.add_to_environment(**{CPU_SECONDS: round(process_time() - began, 2)})

    def _record(self, cell: Cell, data: str) -> RunRecord:
        start, run = self.protocol.find_start(cell), read_run(self._locate(cell))
        weights = "; ".join(sorted(set(run.tested_with.values())))
        if start and self.protocol.tasks[cell.task].evaluates:
            tested = {"bytes": 0, "seconds": 0.0, "weights": weights}
            return self._record(start, data).model_copy(update=tested)
        rows = select_rows(run.journal, split="wire")
        moved = sum(rows["value"][rows["metric"].str.startswith("bytes_")])
        return RunRecord(
            config=identify(self.compose(cell)), steps=run.optimizer_steps,
            personal_steps=run.personal_steps, bytes=int(moved),
            seconds=float(run.environment.get(CPU_SECONDS, 0.0)), machine=describe_machine(),
            data=data, weights=weights,
        )  # fmt: skip


def describe_machine() -> str:
    """Return this machine's processor and version of torch, in a few words."""
    return f"{describe_processor()}, torch {torch.__version__}"
