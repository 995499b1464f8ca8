"""How wandb is started, fed and ended here: silently, with all its files in one folder."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from flmrcm.errors import ConfigErrors

if TYPE_CHECKING:
    import wandb

MODES = ("offline", "online", "disabled")
_SILENT_SETTINGS: dict[str, Any] = {
    "silent": True,
    "console": "off",
    "disable_code": True,
    "disable_git": True,  # the run's folder records it
    "disable_job_creation": True,
    "x_disable_stats": True,
    "x_disable_machine_info": True,
    "x_save_requirements": False,
}
_STAGING_VARIABLE = "WANDB_DATA_DIR"


def open_run(asked: str, **described: Any) -> "wandb.Run":
    """Open a run; it prints nothing and never asks.

    Args:
        asked: the key by which wandb was asked for, named when it doesn't start.
        described: what `wandb.init` takes; `dir` and `mode` among it.

    Raises:
        ConfigErrors: wandb doesn't start, for instance because its server isn't reached.
    """
    import wandb

    # wandb falls back to a temporary folder when this one is missing.
    described["dir"].mkdir(parents=True, exist_ok=True)
    try:
        return wandb.init(settings=wandb.Settings(**_SILENT_SETTINGS), **described)
    except (wandb.Error, OSError) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise ConfigErrors([_format_refusal(asked, described["mode"], reason)]) from error


def end_open_run() -> None:
    """End the run that is open, if any, and waits until its file is whole."""
    import wandb

    # `finish` returns before wandb's own process has written the last records; `teardown` waits.
    if wandb.run is not None:
        wandb.teardown()


def require_login(asked: str) -> None:
    """Make sure that somebody is logged in, without asking.

    Args:
        asked: the key by which wandb was asked for, named when nobody is.

    Raises:
        ConfigErrors: nobody is.
    """
    import wandb

    wandb.setup(wandb.Settings(silent=True))
    try:
        ready = wandb.login(prompt=False, verify=False)
    except wandb.Error:
        ready = False
    if not ready:
        raise ConfigErrors(
            [_format_refusal(asked, "online", "nobody is logged in (`wandb login`)")]
        )


def build_wandb_table(frame: pd.DataFrame) -> "wandb.Table":
    """Return a frame as a wandb table, all of its rows.

    Cells that hold no number are empty.
    """
    from wandb import Table

    # wandb cuts longer tables short and says so to nobody
    most = max(Table.MAX_ROWS, len(frame))
    Table.MAX_ROWS = most  # pyright: ignore[reportAttributeAccessIssue]
    filled = frame.astype(object).where(frame.notna(), None)
    return Table(columns=[str(name) for name in frame.columns], data=filled.to_numpy().tolist())


@contextmanager
def stage_files(folder: Path) -> Generator[None]:
    """Have wandb keep its copies of logged tables in a folder instead of the user's home.

    `wandb sync` uploads these copies, so they stay beside the run they belong to.
    """
    before = os.environ.get(_STAGING_VARIABLE)
    os.environ[_STAGING_VARIABLE] = before or str((folder / "wandb" / "data").resolve())
    try:
        yield
    finally:
        if before is None:
            del os.environ[_STAGING_VARIABLE]


def _format_refusal(asked: str, mode: str, reason: str) -> str:
    way_out = f"Use {asked}=offline, or leave" if mode == "online" else "Leave"
    return (
        f"{asked}={mode}: wandb can't start: {reason.rstrip('.')}. "
        f"{way_out} wandb out (logger=csv in training)."
    )
