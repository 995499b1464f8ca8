"""A site in its own house: its YAML file, and the client it makes of a config that travelled."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from flmrcm.config.check import check_config
from flmrcm.config.clients import build_clients
from flmrcm.config.federation import IN_PROCESS
from flmrcm.config.policies import read_policy
from flmrcm.config.settings_file import build_from_file, read_settings
from flmrcm.errors import ConfigErrors, SiteRefuses, require
from flmrcm.federation.client import Client
from flmrcm.middleware.policy import SitePolicy

log = logging.getLogger(__name__)

_FOR_THE_NODE = ("via", "coordinator", "port", "restart_after")
"""Keys of the same file that only the site's start script reads."""

_COMPUTE = {
    "_target_": "flmrcm.learning.compute.Compute", "accelerator": "auto", "device": 0, "workers": 0,
}  # fmt: skip


@dataclass(frozen=True)
class SiteSettings:
    """What a site says of itself, to itself.

    Args:
        folder: where its file lies; relative paths start there.
        site: its name.
        data: what replaces the travelling config's node: `root` or `generator`, `files`, ….
        policy: its policy file; None allows everything.
        memory: where its private state lies.
        compute: device and loader processes.
        threads: torch threads during a call; None takes torch's own choice.

    Raises:
        ConfigErrors: it says nowhere where its data lie.
    """

    folder: Path
    site: str
    data: Mapping[str, Any]
    policy: str | None = None
    memory: str = "memory"
    compute: Mapping[str, Any] = field(default_factory=dict[str, Any])
    threads: int | None = None

    def __post_init__(self) -> None:
        known = bool(self.data.get("root") or self.data.get("generator"))
        require({"data": (known, "give it `root: FOLDER`, where the site's data lie.")})

    def resolve_path(self, name: str) -> Path:
        """Gives a path that the file names."""
        return self.folder / Path(name).expanduser()

    def build_folder(self, run_id: str) -> Path:
        """Return where the site keeps what it notes about a run."""
        return self.resolve_path("runs") / run_id / "sites" / self.site

    def build_client(self, config: Mapping[str, Any], run_id: str) -> Client:
        """Return the client of a run.

        Args:
            config: as it travelled.
            run_id: what the site notes and keeps of the run lies under it.

        Raises:
            ConfigErrors: the run does not know the site, or the file says what cannot be.
            SiteRefuses: its policy cannot be read.
        """
        if self.site not in config["sites"]:
            known = ", ".join(sorted(config["sites"]))
            raise ConfigErrors([f"site {self.site}: the run has none of that name, but {known}."])
        setup = check_config(OmegaConf.create(self._complete_config(config)))
        policies = {self.site: self._read_policy()} if self.policy else {}
        folder = self.resolve_path("runs") / run_id
        return build_clients(replace(setup, policies=policies), folder, lambda _: None)[self.site]

    def _read_policy(self) -> SitePolicy:
        try:
            return read_policy(self.resolve_path(self.policy or ""))
        except ConfigErrors as error:
            log.error("%s", error)
            why = "its site policy can't be read; its own log says why."
            raise SiteRefuses(why) from None  # the error names a path

    def _complete_config(self, config: Mapping[str, Any]) -> dict[str, Any]:
        node = {**config["sites"][self.site], **self._locate_data()}
        compute = {**_COMPUTE, **self.compute, **config["compute"]}
        return {
            **config,
            "sites": {**config["sites"], self.site: node},
            "budget": "epochs",  # each call says how much it asks for
            "engine": {"_target_": IN_PROCESS},
            "compute": compute,
            "data": {**config["data"], "cache": "off"},
            "data_dir": None,
            "scenario": None,
            "test": {**config["test"], "checkpoint": "last"},
        }

    def _locate_data(self) -> dict[str, Any]:
        data = dict(self.data)
        if data.get("generator"):
            made = data["generator"]
            data["generator"] = {**made, "cache": str(self.resolve_path(made.get("cache", "data")))}
            data.setdefault("root", None)
        elif data.get("root"):
            data["root"] = str(self.resolve_path(data["root"]))
        return data


def read_site_settings(path: Path) -> SiteSettings:
    """Gives the house that a site's YAML file describes.

    Raises:
        ConfigErrors: no such file, no YAML, unknown keys or values; all together.
    """
    settings = read_settings(path)
    kept = {key: value for key, value in settings.items() if key not in _FOR_THE_NODE}
    return build_from_file(path, SiteSettings, kept, folder=path.parent)
