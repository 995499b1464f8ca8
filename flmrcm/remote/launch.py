"""Handing a run over to the coordinator's process, which is connected to the sites."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from hydra.utils import get_object
from omegaconf import DictConfig

from flmrcm.config.check import check_config
from flmrcm.config.travelling import dump_config, select_travelling_config
from flmrcm.errors import ConfigErrors, FlmrcmError
from flmrcm.files import expand_home
from flmrcm.remote.flower.launcher import FlowerLauncher
from flmrcm.remote.layout import check_transport
from flmrcm.remote.nvflare.launcher import NVFlareLauncher
from flmrcm.remote.requests import CoordinatorJob, JobRequest, read_outcome, write_job


class Launcher(Protocol):
    """A coordinator that runs jobs."""

    def list_sites(self) -> frozenset[str]:
        """Return the sites that it knows.

        Raises:
            FlmrcmError: it does not answer.
        """
        ...

    def submit(self, request: JobRequest) -> None:
        """Start a job and show its output until it ends.

        Raises:
            FlmrcmError: it could not begin.
        """
        ...


_LAUNCHERS: Mapping[str, Callable[[Path], Launcher]] = {
    "flower": FlowerLauncher,
    "nvflare": NVFlareLauncher,
}
"""By transport."""


def hand_over(cfg: DictConfig, folder: Path, resumes: bool) -> None:
    """Have a coordinator run a training config, and show the run's output until it ends.

    Args:
        cfg: composed; its engine names the coordinator's folder.
        folder: the run's.
        resumes: whether a run begun there may go on.

    Raises:
        FlmrcmError: one clear line; every whole round is kept.
    """
    setup = check_config(cfg)
    coordinator = expand_home(str(cfg.engine.federation)).resolve()
    via, sites = get_object(cfg.engine["_target_"]).via, frozenset(setup.sites)
    check_transport(coordinator, via)
    launcher = _LAUNCHERS[via](coordinator)
    _refuse_unknown(sites, launcher.list_sites())
    config = dict(setup.config)
    if start := config.get("init_from"):  # the coordinator's process is in a folder of its own
        config["init_from"] = str(expand_home(start).absolute())
    job = CoordinatorJob(config, str(folder.resolve()), resumes)
    name = write_job(coordinator, job)
    travels = dump_config(select_travelling_config(setup.config))
    launcher.submit(JobRequest(name, travels, sites, float(cfg.engine.patience)))
    # the transport's own report is not trusted: only the run knows its outcome
    outcome = read_outcome(coordinator, name)
    if outcome is None:
        raise FlmrcmError(f"{_explain_end(launcher, coordinator)} go on with resume={folder}.")
    if outcome:
        raise FlmrcmError(outcome)


def _refuse_unknown(sites: frozenset[str], known: frozenset[str]) -> None:
    why = f"the coordinator knows none of that name, but {', '.join(sorted(known))}."
    if unknown := sorted(sites - known):
        raise ConfigErrors([f"sites.{site}: {why}" for site in unknown])


def _explain_end(launcher: Launcher, coordinator: Path) -> str:
    """Return what ended without an outcome: the run's process, or the coordinator with it."""
    try:
        launcher.list_sites()
    except FlmrcmError:
        return f"the coordinator's process ended; start it again ({coordinator / 'start.sh'}), and"
    return f"the run's process at the coordinator ended ({coordinator / 'log.txt'} may say why);"
