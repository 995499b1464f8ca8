"""A comparison as a run of its own in wandb, in the group of the runs that it compares."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from flmrcm.errors import ConfigErrors, check_choice
from flmrcm.tracking.wandb_session import (
    build_wandb_table,
    end_open_run,
    open_run,
    require_login,
    stage_files,
)

_MODE_OPTION = "--wandb"


@dataclass(frozen=True)
class ComparisonInfo:
    """A comparison as wandb shows it.

    Attributes:
        folder: of the comparison; wandb's files are written below `<folder>/wandb`.
        project: of wandb.
        group: of the runs that are compared.
        tags: such as metric and convention.
        config: command and folders of the runs.
        tables: by name, logged as `tables/<name>`.
        figures: PNG files by name, logged as `figures/<name>`.
    """

    folder: Path
    project: str
    group: str
    tags: list[str]
    config: Mapping[str, Any]
    tables: Mapping[str, pd.DataFrame]
    figures: Mapping[str, Path]


def check_mode(mode: str) -> None:
    """Check that a mode can work, before anything is computed.

    Raises:
        ConfigErrors: another mode, or online without being logged in.
    """
    if problems := check_choice(_MODE_OPTION, mode, ("offline", "online")):
        raise ConfigErrors(problems)
    if mode == "online":
        require_login(_MODE_OPTION)


def log_comparison(info: ComparisonInfo, mode: str = "offline") -> None:
    """Log a comparison's tables and figures as one run of job type `compare`.

    Args:
        info: what to log.
        mode: offline (upload it later with `wandb sync`) | online.

    Raises:
        ConfigErrors: wandb doesn't start, for example because its server isn't reached.
    """
    from wandb import Image

    end_open_run()
    run = open_run(
        _MODE_OPTION,
        mode=mode,
        dir=info.folder,
        project=info.project,
        group=info.group,
        name=f"compare {info.group}",
        job_type="compare",
        tags=info.tags,
        config=dict(info.config),
    )
    tables = {f"tables/{name}": build_wandb_table(frame) for name, frame in info.tables.items()}
    figures = {f"figures/{name}": Image(str(path)) for name, path in info.figures.items()}
    with stage_files(info.folder):
        run.log({**tables, **figures})
    end_open_run()
