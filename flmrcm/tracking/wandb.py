"""Weights & Biases: offline unless you are logged in and say `logger.wandb.mode=online`."""

import shutil
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flmrcm.errors import ConfigErrors, one_of
from flmrcm.tracking.run_info import RunInfo, headline, key, scalars_by_round
from flmrcm.types import Row

if TYPE_CHECKING:
    import wandb

MODES = ("offline", "online", "disabled")

_QUIET: dict[str, Any] = {
    "silent": True,
    "console": "off",
    "disable_code": True,
    "disable_git": True,  # the run's folder records it
    "disable_job_creation": True,
    "x_disable_stats": True,
    "x_disable_machine_info": True,
    "x_save_requirements": False,
}


class Wandb:
    """Shows a run in wandb, with rounds on the x axis; it prints nothing and never asks.

    The run's id is made from its group and folder name, so a run that is resumed stays one run:
    offline it is written anew from the journal, online it goes on after the rounds wandb has.
    Its summary holds the numbers of `run_info.headline`.

    Args:
        run: whose files go below `<folder>/wandb`.
        project: wandb's.
        mode: offline (read it later with `wandb sync`) | online | disabled.

    Raises:
        ConfigErrors: another mode, or online without being logged in.
    """

    def __init__(self, run: RunInfo, project: str = "flmrcm", mode: str = "offline") -> None:
        if problems := one_of("logger.wandb.mode", mode, MODES):
            raise ConfigErrors(problems)
        self.run, self.project, self.mode = run, project, mode
        self._wandb: wandb.Run | None = None
        self._known = -1  # the last round wandb already holds
        if mode == "online":
            _require_login()

    def start(self, rows: Sequence[Row]) -> None:
        """Begins anew from the rows given; files written before are deleted.

        Raises:
            ConfigErrors: wandb doesn't start, for instance because its server isn't reached.
        """
        _end_any()
        shutil.rmtree(self.run.folder / "wandb", ignore_errors=True)
        self._wandb = _opened(**self._described(goes_on=bool(rows)))
        self._wandb.define_metric("round", hidden=True)
        self._wandb.define_metric("*", step_metric="round")
        self._known = int(self._wandb.summary.get("round", -1)) if self._wandb.resumed else -1
        self.log(rows)

    def log(self, rows: Sequence[Row]) -> None:
        """Adds a line of history for each round; a round wandb has isn't told twice.

        The judgement at the end comes site by site and waits for `close`.
        """
        run = self._started()
        new = [row for row in rows if row.round > self._known and row.split != "test"]
        for number, scalars in scalars_by_round(new).items():
            run.log({"round": number, **scalars})

    def close(self, rows: Sequence[Row], panels: Mapping[str, Path]) -> None:
        """Ends with the summary and one line of history: judgement and panels.

        Each site's panel is the image `panels/<site>`.
        """
        from wandb import Image

        run = self._started()
        last = max((row.round for row in rows), default=0)
        end = {key(row): row.value for row in rows if row.split == "test"}
        images = {f"panels/{site}": Image(str(path)) for site, path in panels.items()}
        if end or images:
            run.log({"round": last, **end, **images})
        run.summary.update(headline(rows))
        self._wandb = None
        _end_any()

    def _started(self) -> "wandb.Run":
        if self._wandb is None:
            raise RuntimeError("wandb was told a round before `start`.")
        return self._wandb

    def _described(self, goes_on: bool) -> dict[str, Any]:
        run = self.run
        identity = f"{run.group}/{run.folder.resolve().name}"
        return {
            "project": self.project,
            "mode": self.mode,
            "dir": run.folder,
            "id": sha256(identity.encode()).hexdigest()[:12],
            "resume": "allow" if goes_on and self.mode == "online" else None,
            "name": run.name,
            "group": run.group,
            "job_type": run.job_type,
            "tags": list(run.tags),
            "config": dict(run.config),
        }


def _opened(**described: Any) -> "wandb.Run":
    import wandb

    # wandb falls back to a temporary folder when this one is missing.
    described["dir"].mkdir(parents=True, exist_ok=True)
    try:
        return wandb.init(settings=wandb.Settings(**_QUIET), **described)
    except (wandb.Error, OSError) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise ConfigErrors([_refused(described["mode"], reason)]) from error


def _end_any() -> None:
    """Ends the run that is open, if any, and waits until its file is whole."""
    import wandb

    # `finish` returns before wandb's own process has written the last records; `teardown` waits.
    if wandb.run is not None:
        wandb.teardown()


def _require_login() -> None:
    import wandb

    wandb.setup(wandb.Settings(silent=True))
    try:
        ready = wandb.login(prompt=False, verify=False)
    except wandb.Error:
        ready = False
    if not ready:
        raise ConfigErrors([_refused("online", "nobody is logged in (`wandb login`)")])


def _refused(mode: str, reason: str) -> str:
    way_out = (
        "Use logger.wandb.mode=offline, or logger=csv." if mode == "online" else "Use logger=csv."
    )
    return f"logger.wandb.mode={mode}: wandb can't start: {reason.rstrip('.')}. {way_out}"
