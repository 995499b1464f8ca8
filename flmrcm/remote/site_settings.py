"""A site's own YAML file, and the client that it builds from a config that travelled."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from flmrcm.config.allow_list import AllowList
from flmrcm.config.check import check_config
from flmrcm.config.clients import build_clients
from flmrcm.config.conf_files import list_plugins
from flmrcm.config.federation import IN_PROCESS
from flmrcm.config.policies import locate_budget, read_policy
from flmrcm.config.settings_file import build_from_file, read_settings
from flmrcm.config.travelling import SITE_NAME, TRAVELLING_GROUPS
from flmrcm.data.source import LAYOUT
from flmrcm.errors import ConfigErrors, SiteRefuses, require
from flmrcm.federation.client import Client
from flmrcm.files import expand_home
from flmrcm.middleware.policy import PolicyGate, SitePolicy

_START_SCRIPT_KEYS = ("via", "coordinator", "port", "restart_after")
"""Keys of the same file that are only for the site's start script."""

_COMPUTE = {
    "_target_": "flmrcm.learning.compute.Compute", "accelerator": "auto", "device": 0, "workers": 0,
}  # fmt: skip


DEFAULT_DATA = {
    "label": None, "files": LAYOUT, "slices": None, "foreground": None, "sample_rate": 1.0,
    "phase_encoding": None,
}  # fmt: skip


@dataclass(frozen=True)
class SiteSettings:
    """A site's own settings; only the site reads them.

    Args:
        folder: of its file; relative paths start there.
        site: its name.
        data: which data it gives, and where they lie: `root` or `generator`, and some of `files`,
            `slices`, `foreground`, `sample_rate`, `phase_encoding`, `contrast`, `coils`, `loss` (
            a node with `_target_`). A run says nothing of these but contrast, coils and loss, and
            those here go before its own.
        policy: its policy file; None allows everything.
        memory: folder of its private state.
        compute: device and loader processes.
        threads: torch threads during a call; None leaves torch's choice.
        allowed_targets: dotted names of classes that a run may name, beside those of flmrcm's own
            config groups and `torch.optim`: a package of the site's own choice.
        allowed_plugins: installed packages (`flmrcm.plugins`) of which a run may name whatever
            classes their own configs name.
        val_sample_rate: fraction of its validation volumes to use.
        skip_broken: leave broken volumes out instead of stopping.

    Raises:
        ConfigErrors: it does not say where its data lie, or has a name that is none, or allows a
            plugin that isn't installed.
    """

    folder: Path
    site: str
    data: Mapping[str, Any]
    policy: str | None = None
    memory: str = "memory"
    compute: Mapping[str, Any] = field(default_factory=dict[str, Any])
    threads: int | None = None
    allowed_targets: Sequence[str] = ()
    allowed_plugins: Sequence[str] = ()
    val_sample_rate: float = 1.0
    skip_broken: bool = False

    def __post_init__(self) -> None:
        known = bool(self.data.get("root") or self.data.get("generator"))
        named = SITE_NAME.fullmatch(self.site) is not None
        installed = [plugin.package for plugin in list_plugins().usable]
        missing = [name for name in self.allowed_plugins if name not in installed]
        said = f"not installed, or left out (see flmrcm doctor): {', '.join(missing)}."
        require(
            {
                "allowed_plugins": (not missing, said),
                "data": (known, "give it `root: FOLDER`, where the site's data lie."),
                "site": (named, f"letters, digits, _, - and ., at most 64; got {self.site}."),
            }
        )

    def resolve_path(self, name: str) -> Path:
        """Return a path of the file as seen from its folder."""
        return self.folder / expand_home(name)

    def build_folder(self, run_id: str) -> Path:
        """Return the folder of the site's ledger of a run."""
        return self.resolve_path("runs") / run_id / "sites" / self.site

    def read_policy(self) -> SitePolicy | None:
        """Return its policy, read anew; None where it has none.

        Raises:
            SiteRefuses: there is a file, and it cannot be read: nothing is allowed then.
        """
        if self.policy is None:
            return None
        try:
            return read_policy(self.resolve_path(self.policy))
        except ConfigErrors as error:
            raise SiteRefuses(str(error), "policy_file") from None

    def list_allowed(self) -> AllowList:
        """Return the classes that a run may name."""
        return AllowList(self.allowed_targets, TRAVELLING_GROUPS, self.allowed_plugins)

    def build_client(
        self, config: Mapping[str, Any], run_id: str, policy: SitePolicy | None
    ) -> Client:
        """Return the client of a run.

        Args:
            config: as it travelled, accepted.
            run_id: under which the site keeps its ledger, memory and reconstructions of the run.
            policy: the site's; it was asked already whether the call may be answered.

        Raises:
            ConfigErrors: a wrong value in the config, or in the site's file.
        """
        setup = check_config(OmegaConf.create(self._complete_config(config)))
        budget = locate_budget(self.resolve_path(self.policy or "site.yaml"))
        gates = {self.site: PolicyGate(policy, asked=True, budget=budget)}
        folder = self.resolve_path("runs") / run_id
        return build_clients(replace(setup, gates=gates), folder, lambda _: None)[self.site]

    def _complete_config(self, config: Mapping[str, Any]) -> dict[str, Any]:
        node = {**DEFAULT_DATA, **config["sites"][self.site], **self._locate_data()}
        return {
            **config,
            "sites": {**config["sites"], self.site: node},
            "budget": "epochs",  # each call says how much is trained
            "engine": {"_target_": IN_PROCESS},  # the site calls its client itself
            "compute": {**_COMPUTE, **self.compute, **config["compute"]},
            "val_sample_rate": self.val_sample_rate,
            "data": {**config["data"], "cache": "off", "skip_broken": self.skip_broken},
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
