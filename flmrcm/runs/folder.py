"""One run's folder: who may write there, what was asked, on what it ran, whether it's done."""

import json
import platform
import subprocess
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from flmrcm.config.conf_files import find_checkout, list_plugins
from flmrcm.errors import FlmrcmError
from flmrcm.files import delete_stale, hold_lock, write_atomically
from flmrcm.run_files import CONFIG, DONE, ENVIRONMENT, FAILED, LOCK, METRICS

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

    @property
    def started(self) -> bool:
        """Whether a run was begun here."""
        return (self.path / CONFIG).exists()

    @property
    def done(self) -> bool:
        """Whether the run ended as it should, test included."""
        return (self.path / DONE).exists()

    @property
    def failure(self) -> str:
        """Why the last try failed, one line; empty where it didn't."""
        path = self.path / FAILED
        return path.read_text().strip() if path.exists() else ""

    @property
    def ended(self) -> float:
        """When its last try ended, seconds since 1970; 0 where none has."""
        marks = (self.path / mark for mark in (DONE, FAILED))
        return max((mark.stat().st_mtime for mark in marks if mark.exists()), default=0.0)

    def clear_marks(self) -> None:
        """Remove the marks of an earlier end."""
        for mark in (DONE, FAILED):
            (self.path / mark).unlink(missing_ok=True)

    def mark_done(self) -> None:
        """Say that the run ended as it should."""
        (self.path / DONE).touch()

    def mark_failed(self, reason: str) -> None:
        """Say why the run ended early."""
        self.path.mkdir(parents=True, exist_ok=True)
        (self.path / FAILED).write_text(f"{reason}\n")

    @contextmanager
    def lock(self) -> Generator[None]:
        """Keep other processes out while a run writes here; a killed run lets go.

        What killed processes left while they wrote is deleted.

        Raises:
            FolderLockedError: another process holds the folder.
        """
        refusal = FolderLockedError(
            f"{self.path}: another run is writing here; wait for it, or give this one another "
            "name=…."
        )
        with hold_lock(self.path / LOCK, refusal):
            delete_stale(self.path)
            yield

    def write_config(self, config: Mapping[str, Any]) -> None:
        """Write the resolved config."""
        write_atomically(self.path / CONFIG, OmegaConf.to_yaml(OmegaConf.create(dict(config))))

    def write_metrics(self, metrics: Mapping[str, Mapping[str, Any]]) -> None:
        """Write what reports have to know of each metric: title, unit, digits, direction."""
        self._write_json(METRICS, metrics)

    def write_environment(self, **facts: Any) -> None:
        """Write on what the run ran: code, packages, machine, and facts such as its data's."""
        content = {
            "git": read_git_state(),
            "python": platform.python_version(),
            "packages": {name: find_version(name) for name in _RECORDED_PACKAGES},
            "plugins": {plugin.package: plugin.version for plugin in list_plugins().usable},
            "platform": platform.platform(),
            **facts,
        }
        self._write_json(ENVIRONMENT, content)

    def add_to_environment(self, **facts: Any) -> None:
        """Write more facts beside those on what the run ran."""
        content = json.loads((self.path / ENVIRONMENT).read_text())
        self._write_json(ENVIRONMENT, {**content, **facts})

    def _write_json(self, name: str, content: Mapping[str, Any]) -> None:
        write_atomically(self.path / name, json.dumps(content, indent=2) + "\n")


def find_version(package: str) -> str | None:
    """Return the version of an installed package; None where it isn't installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


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
