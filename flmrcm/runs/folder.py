"""One run's folder: who may write there, what was asked, on what it ran, whether it's done."""

import fcntl
import json
import platform
import subprocess
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from flmrcm.config.conf_files import find_checkout
from flmrcm.config.migration import migrate_config
from flmrcm.errors import FlmrcmError
from flmrcm.files import delete_stale, write_atomically

_RECORDED_PACKAGES = (
    "flmrcm", "torch", "pytorch-lightning", "torchmetrics", "hydra-core", "omegaconf", "numpy",
    "scipy", "scikit-image", "h5py", "nilearn", "wandb",
)  # fmt: skip


class FolderLockedError(FlmrcmError):
    """Another process is writing in the run's folder."""


class RunFolder:
    """A folder below outputs/ that holds one run.

    Args:
        path: the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config_path = path / "config.yaml"
        self.scores_path = path / "scores.csv"

    @property
    def started(self) -> bool:
        """Whether a run was begun here."""
        return self.config_path.exists()

    @property
    def done(self) -> bool:
        """Whether the run ended as it should, test included."""
        return (self.path / "done").exists()

    @property
    def failure(self) -> str:
        """Why the last try failed, one line; empty where it didn't."""
        path = self.path / "failed"
        return path.read_text().strip() if path.exists() else ""

    @property
    def ended(self) -> float:
        """When its last try ended, seconds since 1970; 0 where none has."""
        marks = (self.path / mark for mark in ("done", "failed"))
        return max((mark.stat().st_mtime for mark in marks if mark.exists()), default=0.0)

    def clear_marks(self) -> None:
        """Remove the marks of an earlier end."""
        for mark in ("done", "failed"):
            (self.path / mark).unlink(missing_ok=True)

    def mark_done(self) -> None:
        """Say that the run ended as it should."""
        (self.path / "done").touch()

    def mark_failed(self, reason: str) -> None:
        """Say why the run ended early."""
        self.path.mkdir(parents=True, exist_ok=True)
        (self.path / "failed").write_text(f"{reason}\n")

    @contextmanager
    def lock(self) -> Generator[None]:
        """Keep other processes out while a run writes here; a killed run lets go.

        What killed processes left while they wrote is deleted.

        Raises:
            FolderLockedError: another process holds the folder.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise FolderLockedError(
                    f"{self.path}: another run is writing here; wait for it, or give this one "
                    "another name=…."
                ) from None
            delete_stale(self.path)
            yield

    def write_config(self, config: Mapping[str, Any]) -> None:
        """Write the resolved config."""
        write_atomically(self.config_path, OmegaConf.to_yaml(OmegaConf.create(dict(config))))

    def read_config(self) -> DictConfig:
        """Return the config the run was asked for, in today's words.

        Raises:
            FlmrcmError: the folder holds no run, or its config is damaged.
        """
        path = self.config_path
        if not self.started:
            cut_short = (self.path / ".lock").exists()
            raise FlmrcmError(
                f"{self.path}: its run was stopped before it began (no config.yaml); start it anew."
                if cut_short
                else f"{self.path}: holds no run (no config.yaml); give a folder below outputs/."
            )
        try:
            config = OmegaConf.to_container(OmegaConf.load(path))
        except (YAMLError, OmegaConfBaseException, UnicodeDecodeError) as error:
            reason = " ".join(str(error).split())
            raise FlmrcmError(f"{path}: not the config of a run ({reason}).") from None
        if not isinstance(config, dict):
            raise FlmrcmError(f"{path}: not the config of a run (no keys and values).")
        return OmegaConf.create(migrate_config(cast(dict[str, Any], config)))

    def write_metrics(self, metrics: Mapping[str, Mapping[str, Any]]) -> None:
        """Write what reports have to know of each metric: title, unit, digits, direction."""
        write_atomically(self.path / "metrics.json", json.dumps(metrics, indent=2) + "\n")

    def write_environment(self, **facts: Any) -> None:
        """Write on what the run ran: code, packages, machine, and facts such as its data's."""
        installed = {d.name.lower(): d.version for d in distributions()}
        content = {
            "git": read_git_state(),
            "python": platform.python_version(),
            "packages": {name: installed.get(name) for name in _RECORDED_PACKAGES},
            "platform": platform.platform(),
            **facts,
        }
        (self.path / "environment.json").write_text(json.dumps(content, indent=2) + "\n")


def read_git_state() -> dict[str, Any] | None:
    """Return commit and changed files of the checkout the package runs from; None without one."""
    root = find_checkout()
    if root is None or not (root / ".git").exists():
        return None
    commit, changed = (
        subprocess.run(["git", *words], cwd=root, capture_output=True, text=True).stdout  # noqa: S603, S607
        for words in (("rev-parse", "HEAD"), ("status", "--porcelain"))
    )
    return {"commit": commit.strip() or None, "changed": changed.splitlines()}
