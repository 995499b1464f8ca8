"""`flmrcm train`: one run, a resumed run, or one job of a multirun."""

import argparse
import gc
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from flmrcm.config.check import check_config
from flmrcm.config.compose import ComposedJob, compose_jobs, expand_words, find_conf_dir
from flmrcm.errors import FlmrcmError
from flmrcm.logs import log_to_terminal
from flmrcm.runs.folder import FolderLockedError, RunFolder
from flmrcm.runs.resume import compose_resumed, is_resume
from flmrcm.runs.sweep import Sweep, link_finished_run
from flmrcm.runs.training import build_trackers, describe_run, launch, read_validation_score

log = logging.getLogger(__name__)


def main(words: list[str]) -> None:
    """Checks every job the words stand for, then runs them."""
    asked, words = _parse_flags(words)
    words = expand_words(words)
    if is_resume(words):
        cfg, folder = compose_resumed(words)
        launch(cfg, folder, resumes=True)
        return
    planned = compose_jobs("train", words, asked.multirun)
    if asked.cfg:
        shown = OmegaConf.to_yaml(planned[0].config)
        Console(markup=False, highlight=False, soft_wrap=True).print(shown)
        return
    _check_jobs(planned)
    folders = [job.folder for job in planned if job.folder]
    sweep = Sweep.begin(folders) if folders else None
    failed_runs.clear()
    sys.argv = ["flmrcm train", *(["--multirun"] if asked.multirun else []), *words]
    start = hydra.main(version_base="1.3", config_path=str(find_conf_dir()), config_name="train")
    start(_run_job)()
    if left := sweep.list_failures() if sweep else failed_runs:
        raise FlmrcmError("\n".join(left))


def _parse_flags(words: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(prog="flmrcm train", add_help=False, allow_abbrev=False)
    parser.add_argument("-m", "--multirun", action="store_true")
    parser.add_argument("--cfg", "-c", choices=["job"])
    parser.add_argument("words", nargs="*")
    asked = parser.parse_intermixed_args(words)
    return asked, asked.words


def _check_jobs(planned: Sequence[ComposedJob]) -> None:
    for job in planned:
        parts = check_config(job.config)
        build_trackers(parts.config["logger"], describe_run(parts, Path("outputs")))


failed_runs: list[str] = []
"""What went wrong in this process where no sweep's plan tells it."""


def _run_job(cfg: DictConfig) -> float:
    """Runs one job; gives what a search maximises."""
    log_to_terminal()
    hydra_cfg = HydraConfig.get()
    folder = RunFolder(Path(hydra_cfg.runtime.output_dir))
    if hydra_cfg.mode == RunMode.MULTIRUN:
        _run_sweep_job(cfg, folder)
        return read_validation_score(folder)
    try:
        launch(cfg, folder, resumes=False)
    except (FlmrcmError, OSError) as error:
        failed_runs.append(str(error))
        log.debug("failed", exc_info=True)
    return read_validation_score(folder)


def _run_sweep_job(cfg: DictConfig, folder: RunFolder) -> None:
    """Runs a job of a sweep; whatever happens to it, the others go on."""
    if folder.done:
        log.info("done before: %s", folder.path)
        return
    if twin := link_finished_run(folder, cfg.method, cfg.scenario):
        log.info("the same run was done elsewhere, linked: %s → %s", folder.path, twin)
        return
    try:
        launch(cfg, folder, resumes=True)
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
