"""`flmrcm deploy`: certificates, keys, and a folder for each party of a federation."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hydra.utils import get_object
from omegaconf import DictConfig

from flmrcm.config.build import Builder, to_plain
from flmrcm.config.compose import compose_config
from flmrcm.config.sites import list_site_nodes
from flmrcm.config.travelling import find_split_problems
from flmrcm.config.words import DEPLOYMENT_KEYS, read_value
from flmrcm.errors import ConfigErrors, check_choice
from flmrcm.files import expand_home
from flmrcm.logs import say
from flmrcm.remote.layout import TRANSPORTS
from flmrcm.remote.site_settings import DEFAULT_DATA

_DEPLOYMENT_CLASSES = {
    "flower": "flmrcm.remote.flower.provision.FlowerDeployment",
    "nvflare": "flmrcm.remote.nvflare.provision.NVFlareDeployment",
}
_REQUIRED_PACKAGES = {"flower": "cryptography", "nvflare": "nvflare"}
"""What has to be installed to write the folders."""


def main(words: list[str]) -> None:
    """Check everything, then write the folders."""
    folder, deployment = build_deployment(words)
    deployment.write(folder)
    say(f"{folder}: a coordinator and {len(deployment.sites)} sites")
    say(f"next: read {folder / 'README.md'}")


def build_deployment(words: Sequence[str], output: str | None = None) -> tuple[Path, Any]:
    """Return the folder and the deployment that words ask for.

    Args:
        words: as typed; the first is the transport.
        output: the folder where the words name none.

    Raises:
        ConfigErrors: an unknown transport or key, or nothing to make keys with.
    """
    transport, *words = words or [""]
    if problems := check_choice("transport", transport, TRANSPORTS):
        raise ConfigErrors(problems)
    if find_spec(_REQUIRED_PACKAGES[transport]) is None:
        raise ConfigErrors([f"{transport}: isn't installed; pip install 'flmrcm[{transport}]'."])
    others = [
        word for word in words if not word.startswith(tuple(f"{k}=" for k in DEPLOYMENT_KEYS))
    ]
    own = {key: read_value(key, words) for key in DEPLOYMENT_KEYS}
    values = {key: _to_number(key, value) for key, value in own.items() if value is not None}
    folder, builder = values.pop("output", output), Builder()
    if not folder:
        builder.problems.append("output: name a new folder: output=FOLDER.")
    cfg = compose_config("train", others)
    deployment = builder.call(
        get_object(_DEPLOYMENT_CLASSES[transport]), values, sites=describe_site_data(cfg)
    )
    builder.problems += find_split_problems(cfg)
    builder.raise_if_any()
    return expand_home(str(folder)), deployment


def describe_site_data(cfg: DictConfig) -> dict[str, dict[str, Any]]:
    """Return what each site's own file says of its data: a folder, or how they're generated.

    A generated site keeps them in its own folder; a folder that isn't known yet is to be filled in.
    With it stands what isn't as at every site, such as a phase encoding: no run tells a site that.
    """
    data: dict[str, dict[str, Any]] = {}
    for name, node in sorted(list_site_nodes(cfg).items()):
        values = to_plain(node)
        more = {k: values[k] for k, v in DEFAULT_DATA.items() if values.get(k, v) != v}
        more.pop("label", None)
        if values.get("generator"):
            data[name] = {"generator": {**values["generator"], "cache": "data"}, **more}
        elif not values.get("root") and cfg.data_dir and values.get("folder"):
            data[name] = {
                "root": _make_absolute(Path(str(cfg.data_dir)) / values["folder"]),
                **more,
            }
        else:
            root = values.get("root")
            data[name] = {"root": _make_absolute(Path(root)) if root else None, **more}
    return data


def _make_absolute(path: Path) -> str:
    # a relative one would start at the site's folder, and here it's typed from elsewhere
    return str(path if str(path).startswith("~") else path.absolute())


def _to_number(key: str, value: str) -> int | str:
    return int(value) if key not in ("address", "output") and value.isdecimal() else value
