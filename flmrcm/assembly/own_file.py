"""Files that somebody keeps beside a run: a policy, a house, a coordinator's settings."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from omegaconf import OmegaConf
from yaml import YAMLError

from flmrcm.assembly.checking import Gathering, plain
from flmrcm.errors import ConfigErrors

T = TypeVar("T")


def read_settings(path: Path) -> dict[str, Any]:
    """Gives the keys and values of a YAML file.

    Raises:
        ConfigErrors: no such file, or one that isn't lines of KEY: VALUE.
    """
    try:
        content = plain(OmegaConf.load(path))
    except OSError as error:
        raise ConfigErrors([f"{path}: {error.strerror}."]) from None
    except YAMLError:
        content = None
    if not isinstance(content, dict):
        raise ConfigErrors([f"{path}: isn't lines of KEY: VALUE."])
    return content


def described(path: Path, make: Callable[..., T], settings: Mapping[str, Any], **more: Any) -> T:
    """Gives what settings describe; every problem names the file they come from.

    Args:
        path: the file.
        make: takes the settings by name.
        settings: as the file has them.
        more: arguments that no file holds.

    Raises:
        ConfigErrors: unknown keys or values; all together.
    """
    found = Gathering()
    made = found.call(make, dict(settings), **more)
    if made is None:
        raise ConfigErrors([f"{path}: {problem}" for problem in found.problems])
    return made
