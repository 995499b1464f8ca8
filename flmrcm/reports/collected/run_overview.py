"""Every run below some folders, finished or not, at a glance: its state, its method, its PSNR."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from flmrcm.config.run_config import read_config
from flmrcm.errors import FlmrcmError
from flmrcm.federation.journal import Journal
from flmrcm.files import is_locked
from flmrcm.reports.collected.finished_runs import find_run_folders
from flmrcm.reports.collected.score_files import read_environment
from flmrcm.run_files import CONFIG, DONE, FAILED, JOURNAL, LOCK
from flmrcm.tracking.run_info import compute_headline
from flmrcm.types import Measurement

STATES = ("done", "running", "failed", "stopped", "damaged")
"""Stopped: it neither ended nor said why, as after a `kill -9`; `resume=` goes on with it."""


@dataclass(frozen=True)
class RunOverview:
    """What a list says of a run.

    Attributes:
        folder: its own.
        state: one of `STATES`.
        reason: why it failed or can't be read, one line; empty where it didn't.
        config: resolved; empty where it can't be read.
        rows: of its journal, as far as it got.
        aligned_with: the site that the others' features were aligned with.
    """

    folder: Path
    state: str
    reason: str = ""
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])
    rows: Sequence[Measurement] = ()
    aligned_with: str | None = None

    @property
    def method(self) -> str | None:
        """Its method's name in tables."""
        name = (self.config.get("strategy") or {}).get("name")
        return self.config.get("method") or name

    @property
    def target(self) -> str | None:
        """The site it was aligned with or, before that is known, the one its config names."""
        return self.aligned_with or self.config.get("target")

    @property
    def seed(self) -> int | None:
        """The seed of its weights and of the order of its training slices."""
        return self.config.get("seed")

    @property
    def rounds(self) -> tuple[int, int]:
        """How many rounds it has done, and how many it was asked for."""
        asked = int(self.config.get("rounds") or 0)
        return min(max((row.round for row in self.rows), default=-1) + 1, asked), asked

    @cached_property
    def headline(self) -> dict[str, float]:
        """Test and validation scores, means over the sites that trained; see `compute_headline`."""
        participants = self.config.get("participants") or ()
        return compute_headline(self.rows, participants, self.state == "done")

    @property
    def psnr(self) -> float | None:
        """PSNR (dB) of the test; of the last validation of all sites where that isn't over."""
        return self.headline.get("test/psnr", self.headline.get("last/psnr"))

    @property
    def is_tested(self) -> bool:
        """Whether `psnr` is that of the test."""
        return "test/psnr" in self.headline

    @property
    def changed(self) -> float:
        """When it last wrote a measurement or ended, seconds since 1970."""
        marks = (self.folder / name for name in (DONE, FAILED, JOURNAL, CONFIG))
        return max(mark.stat().st_mtime for mark in marks if mark.exists())


def list_overviews(folders: Sequence[Path]) -> list[RunOverview]:
    """Return all trainings at or below the folders, sorted by folder; each counts once.

    What `flmrcm evaluate` wrote is no run of its own: `flmrcm compare` has it.

    Raises:
        FlmrcmError: there's no run at all.
    """
    found = {path.resolve(): path for folder in folders for path in find_run_folders(folder)}
    runs = [read_overview(path) for path in sorted(found.values())]
    trainings = [run for run in runs if "evaluate" not in run.config]
    if not trainings:
        where = ", ".join(map(str, folders))
        raise FlmrcmError(f"{where}: no run below (a run's folder holds {CONFIG}).")
    return trainings


def read_overview(folder: Path) -> RunOverview:
    """Return what is known of a run; one whose files are damaged says so."""
    try:
        config, rows = read_config(folder), Journal(folder / JOURNAL).read()
        aligned = read_environment(folder).get("aligned_with")
    except FlmrcmError as error:
        return RunOverview(folder, "damaged", str(error))
    if not {"strategy", "mask"} <= config.keys():
        return RunOverview(folder, "damaged", f"{folder / CONFIG}: not the config of a run.")
    return RunOverview(folder, *_find_state(folder), config, rows, aligned)


def _find_state(folder: Path) -> tuple[str, str]:
    """Return a run's state, and the reason of its failure."""
    if (folder / DONE).exists():
        return "done", ""
    if is_locked(folder / LOCK):
        return "running", ""
    if (folder / FAILED).exists():
        return "failed", (folder / FAILED).read_text().strip()
    return "stopped", ""
