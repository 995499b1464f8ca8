"""Starts and ends wandb: silently, and with all its files in one folder."""

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
    "disable_git": True,  # environment.json holds the commit
    "disable_job_creation": True,
    "x_disable_stats": True,
    "x_disable_machine_info": True,
    "x_save_requirements": False,
}
_STAGING_VARIABLE = "WANDB_DATA_DIR"


def open_run(option: str, **arguments: Any) -> "wandb.Run":
    """Return a new run of wandb; wandb prints nothing and never asks.

    Args:
        option: the key or option that chose wandb; named where wandb doesn't start.
        arguments: of `wandb.init`, with `dir` and `mode`.

    Raises:
        ConfigErrors: wandb doesn't start, for example because its server isn't reached.
    """
    import wandb

    # wandb writes into a temporary folder if this one is missing
    arguments["dir"].mkdir(parents=True, exist_ok=True)
    try:
        return wandb.init(settings=wandb.Settings(**_SILENT_SETTINGS), **arguments)
    except (wandb.Error, OSError) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise ConfigErrors([_format_refusal(option, arguments["mode"], reason)]) from error


def end_open_run() -> None:
    """End the open run, if there is one, and wait until its file is whole."""
    import wandb

    # `finish` returns before wandb's own process has written the last records; `teardown` waits
    if wandb.run is not None:
        wandb.teardown()


def require_login(option: str) -> None:
    """Check that somebody is logged in, without asking.

    Args:
        option: the key or option that chose wandb; named where nobody is logged in.

    Raises:
        ConfigErrors: nobody is logged in.
    """
    import wandb

    wandb.setup(wandb.Settings(silent=True))
    try:
        ready = wandb.login(prompt=False, verify=False)
    except wandb.Error:
        ready = False
    if not ready:
        raise ConfigErrors(
            [_format_refusal(option, "online", "nobody is logged in (`wandb login`)")]
        )


def build_wandb_table(frame: pd.DataFrame) -> "wandb.Table":
    """Return a frame as a wandb table with all of its rows; not-a-number is an empty cell."""
    from wandb import Table

    # wandb drops the rows after this number without a message
    max_rows = max(Table.MAX_ROWS, len(frame))
    Table.MAX_ROWS = max_rows  # pyright: ignore[reportAttributeAccessIssue]
    cells = frame.astype(object).where(frame.notna(), None)
    return Table(columns=[str(name) for name in frame.columns], data=cells.to_numpy().tolist())


@contextmanager
def stage_files(folder: Path) -> Generator[None]:
    """Let wandb keep its copies of logged tables below a folder, not in the user's home.

    `wandb sync` uploads these copies, so they must stay with their run.
    """
    before = os.environ.get(_STAGING_VARIABLE)
    os.environ[_STAGING_VARIABLE] = before or str((folder / "wandb" / "data").resolve())
    try:
        yield
    finally:
        if before is None:
            del os.environ[_STAGING_VARIABLE]


def _format_refusal(option: str, mode: str, reason: str) -> str:
    remedy = f"Use {option}=offline, or leave" if mode == "online" else "Leave"
    return (
        f"{option}={mode}: wandb can't start: {reason.rstrip('.')}. "
        f"{remedy} wandb out (logger=csv in training)."
    )
