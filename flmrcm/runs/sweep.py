"""Many runs from one command: which they are, which are missing, what became of each."""

import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from flmrcm.config.run_config import read_config
from flmrcm.errors import FlmrcmError
from flmrcm.runs.folder import RunFolder

PLAN_FILE = "sweep.json"


@dataclass(frozen=True)
class Sweep:
    """The runs that a multirun stands for; written beside them, so that every process knows.

    Attributes:
        folder: that holds the runs.
        runs: the names of their folders, each once.
        started: when this call of the sweep began, seconds since 1970.
    """

    folder: Path
    runs: Sequence[str]
    started: float

    @classmethod
    def begin(cls, folders: Sequence[Path]) -> "Sweep":
        """Return the sweep over run folders that share a parent, and write its plan there."""
        sweep = cls(folders[0].parent, [f.name for f in dict.fromkeys(folders)], time.time())
        sweep.folder.mkdir(parents=True, exist_ok=True)
        plan = {"runs": sweep.runs, "started": sweep.started}
        (sweep.folder / PLAN_FILE).write_text(json.dumps(plan, indent=1) + "\n")
        return sweep

    @classmethod
    def find(cls, run: Path) -> "Sweep | None":
        """Return the sweep that a run's folder belongs to; None where nobody planned one."""
        path = run.parent / PLAN_FILE
        if not path.exists():
            return None
        plan = json.loads(path.read_text())
        return cls(run.parent, plan["runs"], plan["started"])

    @property
    def unfinished(self) -> list[RunFolder]:
        """The runs that aren't done."""
        folders = [RunFolder(self.folder / name) for name in self.runs]
        return [folder for folder in folders if not folder.done]

    def describe_progress(self) -> str:
        """Say how far the sweep is: `12 of 60 runs done, 1 failed, about 1:20:00 left`."""
        folders = [RunFolder(self.folder / name) for name in self.runs]
        done = [folder for folder in folders if folder.done]
        failed = [folder for folder in folders if folder.failure]
        parts = [f"{len(done)} of {len(folders)} runs done"]
        parts += [f"{len(failed)} failed"] if failed else []
        now = [folder for folder in [*done, *failed] if folder.ended > self.started]
        if (left := len(folders) - len(done) - len(failed)) and now:
            seconds = (time.time() - self.started) / len(now) * left
            parts.append(f"about {timedelta(seconds=round(seconds))} left")
        return ", ".join(parts)

    def list_failures(self) -> list[str]:
        """Return one line for each run that isn't done."""
        return [f"{run.path}: {run.failure or 'not done'}" for run in self.unfinished]


def link_finished_run(folder: RunFolder, method: object, scenario: object) -> Path | None:
    """Let a finished run of the same experiment in another sweep stand here too.

    Args:
        folder: of the run wanted, named by its hash; nothing has been written there.
        method: how the run wanted is called.
        scenario: in which it counts.

    Returns:
        The twin's folder; None where there's none, and the run has to be made.
    """
    path = folder.path
    for mark in sorted(path.parent.parent.glob(f"*/{path.name}/done")):
        twin = RunFolder(mark.parent)
        try:
            config = read_config(twin.path)
        except FlmrcmError:
            continue  # a damaged run stands for none
        if (config.get("method"), config.get("scenario")) == (method, scenario):
            if path.is_dir() and not any(path.iterdir()):
                path.rmdir()
            if not path.exists():
                path.symlink_to(os.path.relpath(twin.path, path.parent))
                return twin.path
    return None
