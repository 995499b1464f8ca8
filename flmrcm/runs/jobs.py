"""The jobs of one command: all of them checked, then each run where Hydra puts it."""

import gc
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from flmrcm.config.check import check_config
from flmrcm.config.compose import gather_problems
from flmrcm.config.hydra_app import run_composed, start_hydra
from flmrcm.config.identity import find_name_problems
from flmrcm.config.jobs import ComposedJob
from flmrcm.errors import ConfigErrors, FlmrcmError, describe_os_error
from flmrcm.logs import log_to_terminal, log_warnings_only
from flmrcm.runs.folder import FolderLockedError, RunFolder
from flmrcm.runs.sweep import Sweep, link_finished_run
from flmrcm.runs.trackers import build_trackers
from flmrcm.runs.training import launch, read_validation_score

log = logging.getLogger(__name__)

failed_runs: list[str] = []
"""What went wrong in this process where no sweep's plan tells it."""


def run_jobs(planned: Sequence[ComposedJob], words: Sequence[str], multirun: bool) -> None:
    """Check all jobs, then run those that aren't done.

    Args:
        planned: the jobs.
        words: that stand for them, as Hydra reads them.
        multirun: whether each gets a folder of its own.

    Raises:
        ConfigErrors: the problems of all jobs, each once, before the first starts.
        FlmrcmError: one line for each run that failed.
    """
    with log_warnings_only():
        gather_problems([lambda job=job: _check_job(job) for job in planned])
    folders = [job.folder for job in planned if job.folder]
    sweep = Sweep.begin(folders) if folders else None
    failed_runs.clear()
    if alone := planned[0].whole:
        run_composed(alone, _run_job)
    else:
        start_hydra([*(["--multirun"] if multirun else []), *words], _run_job)
    if left := sweep.list_failures() if sweep else failed_runs:
        raise FlmrcmError("\n".join(left))


def _run_job(cfg: DictConfig) -> float:
    """Run one job; return what a search maximises."""
    log_to_terminal()
    hydra_cfg = HydraConfig.get()
    folder = RunFolder(Path(hydra_cfg.runtime.output_dir))
    if hydra_cfg.mode == RunMode.MULTIRUN:
        _run_sweep_job(cfg, folder)
        return read_validation_score(folder)
    try:
        launch(cfg, folder, resumes=False)
    except (FlmrcmError, OSError) as error:
        said = describe_os_error(error) if isinstance(error, OSError) else str(error)
        failed_runs.append(said)
        log.debug("failed", exc_info=True)
    return read_validation_score(folder)


def _check_job(job: ComposedJob) -> None:
    gather_problems([lambda: _check_name(job.config), lambda: _check_parts(job.config)])


def _check_name(cfg: DictConfig) -> None:
    if problems := find_name_problems(cfg.name):
        raise ConfigErrors(problems)


def _check_parts(cfg: DictConfig) -> None:
    build_trackers(check_config(cfg), Path("outputs"))


def _run_sweep_job(cfg: DictConfig, folder: RunFolder) -> None:
    """Run a job of a sweep; whatever happens to it, the others go on."""
    if folder.done:
        log.info("done before: %s", folder.path)
        return
    if twin := link_finished_run(folder, cfg.method, cfg.scenario):
        log.info("the same run was done elsewhere, linked: %s → %s", folder.path, twin)
        return
    run_tolerantly(folder, lambda: launch(cfg, folder, resumes=True))


def run_tolerantly(folder: RunFolder, run: Callable[[], None]) -> None:
    """Run one of many in its folder; whatever happens to it, the others go on."""
    try:
        run()
    except FolderLockedError as error:
        log.info("%s", error)
    except Exception as error:
        kind = "" if isinstance(error, FlmrcmError) else f"{type(error).__name__}: "
        folder.mark_failed(f"{kind}{error}")
        log.error("%s failed: %s%s", folder.path, kind, error)
        log.debug("failed", exc_info=True)
    gc.collect()  # sites refer to themselves: what they keep in RAM would outlive their run
    if sweep := Sweep.find(folder.path):
        log.info("%s", sweep.describe_progress())
