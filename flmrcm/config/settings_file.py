"""Files that a person keeps beside a run: a site's policy, a site's or coordinator's settings."""

from collections.abc import Callable, Mapping
from inspect import Parameter, signature
from pathlib import Path
from typing import Any, TypeVar

from omegaconf import OmegaConf
from yaml import YAMLError

from flmrcm.config.build import Builder, find_argument_problems, to_plain
from flmrcm.errors import ConfigErrors

T = TypeVar("T")


def read_settings(path: Path) -> dict[str, Any]:
    """Return the keys and values of a YAML file.

    Raises:
        ConfigErrors: no such file, or one that is not lines of KEY: VALUE.
    """
    try:
        content = to_plain(OmegaConf.load(path))
    except OSError as error:
        raise ConfigErrors([f"{path}: {error.strerror}."]) from None
    except YAMLError:
        content = None
    if not isinstance(content, dict):
        raise ConfigErrors([f"{path}: isn't lines of KEY: VALUE."])
    return content


def build_from_file(
    path: Path, make: Callable[..., T], settings: Mapping[str, Any], **more: Any
) -> T:
    """Return the object that settings describe; every problem names their file.

    Args:
        path: the file.
        make: takes the settings by name.
        settings: as the file has them.
        more: arguments that are in no file.

    Raises:
        ConfigErrors: unknown keys or values, or missing keys; all together.
    """
    given = {*settings, *more}
    problems = find_argument_problems(make, dict(settings), dict(more)) + [
        f"{name}: is missing."
        for name, parameter in signature(make).parameters.items()
        if parameter.default is Parameter.empty and name not in given
    ]
    builder = Builder()
    built = None if problems else builder.call(make, dict(settings), **more)
    if built is None:
        raise ConfigErrors([f"{path}: {problem}" for problem in problems or builder.problems])
    return built
