"""Where a run's loop lives: in this process, or in that of a coordinator it's handed to."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from hydra.utils import get_object
from omegaconf import DictConfig

from flmrcm.assembly.abroad import as_text, keeps_data_elsewhere, travelling
from flmrcm.assembly.federation import check
from flmrcm.deployment.places import check_via
from flmrcm.errors import ConfigErrors, FlmrcmError
from flmrcm.runs.folder import RunFolder
from flmrcm.runs.job import Errand, Job, outcome, put_job
from flmrcm.runs.over_flower import FlowerCoordinator
from flmrcm.runs.over_nvflare import NVFlareCoordinator
from flmrcm.runs.training import run


class Coordinator(Protocol):
    """A coordinator that takes runs."""

    def known(self) -> frozenset[str]:
        """Gives the sites it knows; one clear line is raised where it isn't there."""
        ...

    def hand_over(self, errand: Errand) -> None:
        """Starts a job and shows what it says until it ends."""
        ...


_COORDINATORS: Mapping[str, Callable[[Path], Coordinator]] = {
    "flower": FlowerCoordinator,
    "nvflare": NVFlareCoordinator,
}
"""By what carries the calls."""


def launch(cfg: DictConfig, folder: RunFolder, resumes: bool) -> None:
    """Runs a training config where its engine has the way to the sites.

    Raises:
        FlmrcmError: one clear line; every whole round is kept.
    """
    if not keeps_data_elsewhere(cfg):
        run(cfg, folder, resumes)
        return
    parts = check(cfg)
    place = Path(str(cfg.engine.federation)).expanduser().resolve()
    via, sites = get_object(cfg.engine["_target_"]).via, frozenset(parts.sites)
    check_via(place, via)
    coordinator = _COORDINATORS[via](place)
    _refuse_strangers(sites, coordinator.known())
    name = put_job(place, Job(dict(parts.config), str(folder.path.resolve()), resumes))
    travels = as_text(travelling(parts.config))
    coordinator.hand_over(Errand(name, travels, sites, float(cfg.engine.patience)))
    ended = outcome(place, name)
    if ended is None:
        raise FlmrcmError(f"{_gone(coordinator, place)} go on with resume={folder.path}.")
    if ended:
        raise FlmrcmError(ended)


def _refuse_strangers(sites: frozenset[str], known: frozenset[str]) -> None:
    why = f"the coordinator knows none of that name, but {', '.join(sorted(known))}."
    if strangers := sorted(sites - known):
        raise ConfigErrors([f"sites.{site}: {why}" for site in strangers])


def _gone(coordinator: Coordinator, place: Path) -> str:
    """Tells what ended without a word: the run's own process, or the coordinator with it."""
    try:
        coordinator.known()
    except FlmrcmError:
        return f"the coordinator's process ended; start it again ({place / 'start.sh'}), and"
    return f"the run's process at the coordinator ended ({place / 'log.txt'} may tell why);"
