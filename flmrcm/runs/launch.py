"""Where a run's loop lives: in this process, or in that of a coordinator it's handed to."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from hydra.utils import get_object
from omegaconf import DictConfig

from flmrcm.assembly.abroad import as_text, keeps_data_elsewhere, travelling
from flmrcm.assembly.federation import check
from flmrcm.errors import FlmrcmError
from flmrcm.runs.folder import RunFolder
from flmrcm.runs.job import Job, outcome, put_job
from flmrcm.runs.over_flower import FlowerCoordinator
from flmrcm.runs.training import run


class Coordinator(Protocol):
    """A coordinator that takes runs."""

    def look(self, sites: set[str]) -> None:
        """Looks whether it's there and knows the sites; if not, one clear line is raised."""
        ...

    def hand_over(self, job: str, config: str) -> None:
        """Starts a job and shows what it says until it ends.

        Args:
            job: its name, by which the coordinator's process finds it.
            config: what sites may know of the run.
        """
        ...


_COORDINATORS: Mapping[str, Callable[[Path], Coordinator]] = {"flower": FlowerCoordinator}
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
    coordinator = _COORDINATORS[get_object(cfg.engine["_target_"]).via](place)
    coordinator.look(set(parts.sites))
    name = put_job(place, Job(dict(parts.config), str(folder.path.resolve()), resumes))
    coordinator.hand_over(name, as_text(travelling(parts.config)))
    ended = outcome(place, name)
    if ended is None:
        raise FlmrcmError(
            f"the coordinator's process ended; start it again ({place / 'start.sh'}), and go "
            f"on with resume={folder.path}."
        )
    if ended:
        raise FlmrcmError(ended)
