"""Any logger of PyTorch Lightning: MLflow, CSV, Comet, …."""

import inspect
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger

from flmrcm.federation.journal import Panel
from flmrcm.files import write_atomically
from flmrcm.learning.compute import silence_lightning
from flmrcm.run_files import SCORES
from flmrcm.tracking.run_info import RunInfo, compute_headline, group_scalars
from flmrcm.types import Measurement

FOLDER = "loggers"
"""Below a run's folder: what its Lightning loggers write, and which of MLflow's runs it is."""

_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",  # it would tell its makers what it is used for
    "MLFLOW_ALLOW_FILE_STORE": "true",  # else it refuses plain files, which it still writes
    "MLFLOW_LOGGING_LEVEL": "WARNING",
}


class LightningTracker:
    """Shows a run in a Lightning logger, with rounds as steps.

    Where the logger writes files of its own below the run's folder, a resumed run writes them anew.
    Where it has a `run_id` (MLflow), the run goes on in the logger's own run, after the last round
    that it was shown. Any other logger begins a new run, and is shown all rounds.

    Args:
        logger: built with what `list_arguments` tells.
        run: what is shown.
        name: of the logger in the config.
    """

    def __init__(self, logger: Logger, run: RunInfo, name: str) -> None:
        self.logger, self.run, self.state = logger, run, _find_state(run, name)
        self._last_round = -1

    def start(self, rows: Sequence[Measurement]) -> None:
        """Write the config, unless the logger's run has it, and the rows."""
        own = Path(getattr(self.logger, "log_dir", None) or self.run.folder).absolute()
        if (self.run.folder / FOLDER).absolute() in own.parents:
            shutil.rmtree(own, ignore_errors=True)
        known = _read_state(self.state)
        self._last_round = known.get("round", -1)
        if not known:
            with silence_lightning():
                self.logger.log_hyperparams({**self.run.config, **self.run.facts})
        self.log(rows)

    def log(self, rows: Sequence[Measurement]) -> None:
        """Write the values of each round that wasn't shown before, and those of the test."""
        with silence_lightning():
            for number, scalars in group_scalars(filter(self._is_new, rows)).items():
                self.logger.log_metrics(scalars, number)
            self.logger.save()
        self._last_round = max([self._last_round, *(row.round for row in rows)])
        self._remember()

    def close(self, rows: Sequence[Measurement], panels: Mapping[str, Panel]) -> None:
        """Write the summary of `compute_headline`, and panels and scores where files are taken."""
        last = max((row.round for row in rows), default=0)
        with silence_lightning():
            self.logger.log_metrics(self._summarise(rows), last)
            self._log_files(panels)
            self.logger.save()
            self.logger.finalize("success")

    def _is_new(self, row: Measurement) -> bool:
        return row.round > self._last_round or row.split == "test"

    def _summarise(self, rows: Sequence[Measurement]) -> dict[str, float]:
        headline = compute_headline(rows, self.run.config.get("participants") or ())
        # MLflow's files of `test/psnr/SITE` lie in a folder called `test/psnr`
        means = {key for key in headline if key.startswith("test/") and f"{key}_worst" in headline}
        return {f"{key}_mean" if key in means else key: v for key, v in headline.items()}

    def _log_files(self, panels: Mapping[str, Panel]) -> None:
        experiment: Any = getattr(self.logger, "experiment", None)
        if log_image := getattr(self.logger, "log_image", None):
            for site, panel in panels.items():
                log_image(f"panels/{site}", [str(panel.path)], caption=[panel.caption])
        elif hasattr(experiment, "log_artifact") and hasattr(self.logger, "run_id"):
            for panel in panels.values():
                experiment.log_artifact(self.logger.version, str(panel.path), "panels")
            if (scores := self.run.folder / SCORES).exists():
                experiment.log_artifact(self.logger.version, str(scores))

    def _remember(self) -> None:
        if hasattr(self.logger, "run_id"):
            known = {"run_id": self.logger.version, "round": self._last_round}
            write_atomically(self.state, json.dumps(known).encode())


def list_arguments(kind: type[Logger], run: RunInfo, name: str) -> dict[str, Any]:
    """Return what a Lightning logger is told of a run, by those of its arguments that fit.

    Args:
        kind: its class.
        run: what it will show.
        name: of the logger in the config.
    """
    for variable, value in _ENVIRONMENT.items():
        os.environ.setdefault(variable, value)
    known = {
        "save_dir": str(run.folder / FOLDER),
        "experiment_name": run.group,
        "run_name": run.name,
        "run_id": _read_state(_find_state(run, name)).get("run_id"),
    }
    if hasattr(kind, "root_dir"):  # it writes into save_dir/name/version
        known |= {"name": name, "version": ""}
    return {key: known[key] for key in inspect.signature(kind).parameters if key in known}


def _find_state(run: RunInfo, name: str) -> Path:
    return run.folder / FOLDER / f"{name}.json"


def _read_state(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text()) if path.exists() else {}
