"""A site's own YAML file, and the client that it builds from a config that travelled."""

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
from flmrcm.files import expand_home
from flmrcm.middleware.policy import SitePolicy

log = logging.getLogger(__name__)

_START_SCRIPT_KEYS = ("via", "coordinator", "port", "restart_after")
"""Keys of the same file that are only for the site's start script."""

_COMPUTE = {
    "_target_": "flmrcm.learning.compute.Compute", "accelerator": "auto", "device": 0, "workers": 0,
}  # fmt: skip


@dataclass(frozen=True)
class SiteSettings:
    """A site's own settings; only the site reads them.

    Args:
        folder: of its file; relative paths start there.
        site: its name.
        data: replaces keys of the site in the travelling config: `root` or `generator`, `files`, ….
        policy: its policy file; None allows everything.
        memory: folder of its private state.
        compute: device and loader processes.
        threads: torch threads during a call; None leaves torch's choice.

    Raises:
        ConfigErrors: it does not say where its data lie.
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
        """Return a path of the file as seen from its folder."""
        return self.folder / expand_home(name)

    def build_folder(self, run_id: str) -> Path:
        """Return the folder of the site's ledger of a run."""
        return self.resolve_path("runs") / run_id / "sites" / self.site

    def build_client(self, config: Mapping[str, Any], run_id: str) -> Client:
        """Return the client of a run.

        Args:
            config: as it travelled.
            run_id: under which the site keeps its ledger, memory and reconstructions of the run.

        Raises:
            ConfigErrors: the run does not have the site, or the file has a wrong value.
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
            "budget": "epochs",  # each call says how much is trained
            "engine": {"_target_": IN_PROCESS},  # the site calls its client itself
            "compute": compute,
            "data": {**config["data"], "cache": "off"},
            "data_dir": None,
            "scenario": None,
            "test": {**config["test"], "checkpoint": "last"},
        }

    def _locate_data(self) -> dict[str, Any]:
        data = dict(self.data)
        if data.get("generator"):
            generator = data["generator"]
            cache = str(self.resolve_path(generator.get("cache", "data")))
            data["generator"] = {**generator, "cache": cache}
            data.setdefault("root", None)
        elif data.get("root"):
            data["root"] = str(self.resolve_path(data["root"]))
        return data


def read_site_settings(path: Path) -> SiteSettings:
    """Return the settings in a site's YAML file.

    Raises:
        ConfigErrors: no such file, no YAML, unknown keys or values; all together.
    """
    settings = read_settings(path)
    kept = {key: value for key, value in settings.items() if key not in _START_SCRIPT_KEYS}
    return build_from_file(path, SiteSettings, kept, folder=path.parent)
