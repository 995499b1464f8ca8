"""Handing a run over to the coordinator whose process reaches the sites."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from hydra.utils import get_object
from omegaconf import DictConfig

from flmrcm.config.check import check_config
from flmrcm.config.travelling import dump_config, select_travelling_config
from flmrcm.errors import ConfigErrors, FlmrcmError
from flmrcm.remote.flower.launcher import FlowerLauncher
from flmrcm.remote.layout import check_transport
from flmrcm.remote.nvflare.launcher import NVFlareLauncher
from flmrcm.remote.requests import CoordinatorJob, JobRequest, read_outcome, write_job


class Launcher(Protocol):
    """A coordinator that takes runs."""

    def list_sites(self) -> frozenset[str]:
        """Gives the sites it knows; one clear line is raised where it isn't there."""
        ...

    def submit(self, errand: JobRequest) -> None:
        """Starts a job and shows what it says until it ends."""
        ...


_LAUNCHERS: Mapping[str, Callable[[Path], Launcher]] = {
    "flower": FlowerLauncher,
    "nvflare": NVFlareLauncher,
}
"""By what carries the calls."""


def hand_over(cfg: DictConfig, folder: Path, resumes: bool) -> None:
    """Have a coordinator run a training config, and show what the run says until it ends.

    Args:
        cfg: composed; its engine names the coordinator's folder.
        folder: the run's.
        resumes: whether a run begun there may go on.

    Raises:
        FlmrcmError: one clear line; every whole round is kept.
    """
    parts = check_config(cfg)
    place = Path(str(cfg.engine.federation)).expanduser().resolve()
    via, sites = get_object(cfg.engine["_target_"]).via, frozenset(parts.sites)
    check_transport(place, via)
    coordinator = _LAUNCHERS[via](place)
    _refuse_strangers(sites, coordinator.list_sites())
    name = write_job(place, CoordinatorJob(dict(parts.config), str(folder.resolve()), resumes))
    travels = dump_config(select_travelling_config(parts.config))
    coordinator.submit(JobRequest(name, travels, sites, float(cfg.engine.patience)))
    ended = read_outcome(place, name)
    if ended is None:
        raise FlmrcmError(f"{_explain_end(coordinator, place)} go on with resume={folder}.")
    if ended:
        raise FlmrcmError(ended)


def _refuse_strangers(sites: frozenset[str], known: frozenset[str]) -> None:
    why = f"the coordinator knows none of that name, but {', '.join(sorted(known))}."
    if strangers := sorted(sites - known):
        raise ConfigErrors([f"sites.{site}: {why}" for site in strangers])


def _explain_end(coordinator: Launcher, place: Path) -> str:
    """Tells what ended without a word: the run's own process, or the coordinator with it."""
    try:
        coordinator.list_sites()
    except FlmrcmError:
        return f"the coordinator's process ended; start it again ({place / 'start.sh'}), and"
    return f"the run's process at the coordinator ended ({place / 'log.txt'} may tell why);"
