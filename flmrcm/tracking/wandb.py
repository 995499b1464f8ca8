"""Weights & Biases: offline unless `logger.wandb.mode=online` and somebody is logged in."""

import json
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from flmrcm.errors import ConfigErrors, check_choice
from flmrcm.federation.journal import Panel
from flmrcm.run_files import ENVIRONMENT, SCORES
from flmrcm.tracking.run_info import RunInfo, compute_headline, group_scalars
from flmrcm.tracking.wandb_session import (
    MODES,
    build_wandb_table,
    end_open_run,
    open_run,
    require_login,
    stage_files,
)
from flmrcm.types import Measurement

if TYPE_CHECKING:
    import wandb

_MODE_KEY, _MODE_OPTION = "logger.wandb.mode", "--wandb"


class Wandb:
    """Shows a run in wandb, with rounds on the x axis; prints nothing and never asks.

    The id of the run in wandb is made from its group and folder, so a resumed run stays one run:
    offline it is written again from the journal, online it goes on after the rounds that wandb has.
    Config and summary hold the run's traits (`run/strategy`, `run/target`, …), so that the table of
    runs can be grouped, sorted and filtered by them. The summary holds the numbers of
    `run_info.compute_headline`, too, the config the run's environment, and the table `scores` is
    `scores.csv`.

    Args:
        run: its files are written below `<folder>/wandb`.
        project: of wandb.
        mode: offline (upload it later with `wandb sync`) | online | disabled.

    Raises:
        ConfigErrors: another mode, or online without being logged in.
    """

    def __init__(self, run: RunInfo, project: str = "flmrcm", mode: str = "offline") -> None:
        if problems := check_choice(_MODE_KEY, mode, MODES):
            raise ConfigErrors(problems)
        self.run, self.project, self.mode = run, project, mode
        self._wandb: wandb.Run | None = None
        self._last_round = -1  # the last round that wandb already has
        self._tested: dict[str, float] = {}
        if mode == "online":
            require_login(_MODE_KEY)

    def start(self, rows: Sequence[Measurement]) -> None:
        """Delete older files and write the rows.

        Raises:
            ConfigErrors: wandb doesn't start, for example because its server isn't reached.
        """
        with suppress(OSError):  # wandb's process may have died in a run before this one
            end_open_run()
        shutil.rmtree(self.run.folder / "wandb", ignore_errors=True)
        self._wandb = self._open(goes_on=bool(rows))
        self._wandb.define_metric("round", hidden=True)
        self._wandb.define_metric("*", step_metric="round")
        self._wandb.summary.update(self.run.facts)
        self._last_round = int(self._wandb.summary.get("round", -1)) if self._wandb.resumed else -1
        self.log(rows)

    def log(self, rows: Sequence[Measurement]) -> None:
        """Add a line of history for each round that wandb doesn't have yet.

        The rows of the final test come site by site and are written by `close`, in one line.
        """
        run = self._get_run()
        for scalars in group_scalars(row for row in rows if row.split == "test").values():
            self._tested |= scalars
        new = [row for row in rows if row.round > self._last_round and row.split != "test"]
        for number, scalars in group_scalars(new).items():
            run.log({"round": number, **scalars})

    def close(self, rows: Sequence[Measurement], panels: Mapping[str, Panel]) -> None:
        """Write the summary and one line of history: final test, panels and scores.

        The panel of each site is the image `panels/<site>`; the table `scores` is left out where
        nothing was tested.
        """
        from wandb import Image

        run = self._get_run()
        last = max((row.round for row in rows), default=0)
        images = {f"panels/{s}": Image(str(p.path), caption=p.caption) for s, p in panels.items()}
        scores = self.run.folder / SCORES
        tables = {"scores": build_wandb_table(_read_scores(scores))} if scores.exists() else {}
        if self._tested or images or tables:
            with stage_files(self.run.folder):
                run.log({"round": last, **self._tested, **images, **tables})
        run.summary.update(compute_headline(rows, self.run.config.get("participants") or ()))
        self._wandb = None
        end_open_run()

    def _get_run(self) -> "wandb.Run":
        if self._wandb is None:
            raise RuntimeError("wandb got a round before `start`.")
        return self._wandb

    def _open(self, goes_on: bool) -> "wandb.Run":
        identity = f"{self.run.group}/{self.run.folder.resolve().name}"
        return open_run(
            _MODE_KEY,
            project=self.project,
            mode=self.mode,
            id=sha256(identity.encode()).hexdigest()[:12],
            resume="allow" if goes_on and self.mode == "online" else None,
            **_list_arguments(self.run),
        )


def check_mode(mode: str) -> None:
    """Check that a mode can work, before anything is computed.

    Raises:
        ConfigErrors: another mode, or online without being logged in.
    """
    if problems := check_choice(_MODE_OPTION, mode, ("offline", "online")):
        raise ConfigErrors(problems)
    if mode == "online":
        require_login(_MODE_OPTION)


def log_comparison(
    run: RunInfo,
    tables: Mapping[str, pd.DataFrame],
    figures: Mapping[str, Path],
    project: str = "flmrcm",
    mode: str = "offline",
) -> None:
    """Log a comparison's tables and figures as a run of its own, in the group of what it compares.

    Args:
        run: the comparison; wandb's files are written below `<folder>/wandb`.
        tables: by name, logged as `tables/<name>`.
        figures: PNG files by name, logged as `figures/<name>`.
        project: of wandb.
        mode: offline (upload it later with `wandb sync`) | online.

    Raises:
        ConfigErrors: wandb doesn't start, for example because its server isn't reached.
    """
    from wandb import Image

    end_open_run()
    opened = open_run(_MODE_OPTION, project=project, mode=mode, **_list_arguments(run))
    logged = {f"tables/{name}": build_wandb_table(frame) for name, frame in tables.items()}
    images = {f"figures/{name}": Image(str(path)) for name, path in figures.items()}
    with stage_files(run.folder):
        opened.log({**logged, **images})
    end_open_run()


def _list_arguments(run: RunInfo) -> dict[str, Any]:
    """Return what wandb is told of a run."""
    return {
        "dir": run.folder,
        "name": run.name,
        "group": run.group,
        "job_type": run.job_type,
        "tags": list(run.tags),
        "config": {**run.config, **run.facts, **_read_environment(run.folder)},
    }


def _read_scores(path: Path) -> pd.DataFrame:
    """Return a table of scores as it stands: a site may be called NA."""
    return pd.read_csv(path, keep_default_na=False, na_values={"value": ["nan"]})


def _read_environment(folder: Path) -> dict[str, Any]:
    path = folder / ENVIRONMENT
    return {"environment": json.loads(path.read_text())} if path.exists() else {}
