"""Building objects from config nodes, with every problem of every node gathered."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from hydra.errors import InstantiationException
from hydra.utils import get_object, instantiate
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from flmrcm.config.allow_list import AllowList
from flmrcm.errors import ConfigErrors, FlmrcmError, suggest_nearest

T = TypeVar("T")

_NAMES = {int: "a whole number", float: "a number", bool: "true or false", str: "a word"}


class Builder:
    """Collects problems while objects are built; `raise_if_any` reports them together.

    Args:
        allowed: what may be built of a config that somebody else wrote; None trusts the config.
    """

    def __init__(self, allowed: AllowList | None = None) -> None:
        self.allowed = allowed
        self.problems: list[str] = []

    def build(self, key: str, node: DictConfig | Mapping[str, Any], **more: Any) -> Any:
        """Gives the object a node's `_target_` describes, or None when it has a problem.

        Args:
            key: where the node stands in the config, for messages.
            node: with `_target_`.
            more: arguments that no config can hold.
        """

        def made() -> Any:
            if self.allowed is not None:
                raw = OmegaConf.to_container(node) if OmegaConf.is_config(node) else node
                _raise_problems(self.allowed.find_problems(key, raw))
            values = to_plain(node)
            keys = {f"{key}.{name}": value for name, value in values.items() if name[0] != "_"}
            _raise_problems(find_argument_problems(get_object(values["_target_"]), keys, more))
            # Hydra would take what no config can hold for config, so it's given afterwards.
            make = instantiate({**values, "_convert_": "all", "_partial_": True})
            return make(**more)

        return self.attempt(key, made)

    def call(self, target: Callable[..., T], keys: dict[str, Any], **more: Any) -> T | None:
        """Gives `target(...)`, its arguments named by the last part of their config keys."""

        def make() -> T:
            _raise_problems(find_argument_problems(target, keys, more))
            return target(**{key.rsplit(".", 1)[-1]: v for key, v in keys.items()}, **more)

        return self.attempt(getattr(target, "__name__", str(target)), make)

    def attempt(self, key: str, make: Callable[[], T]) -> T | None:
        """Gives what `make` gives, or None when it found a problem."""
        try:
            return make()
        except ConfigErrors as error:
            self.problems += error.problems
        except FlmrcmError as error:
            self.problems.append(f"{key}: {error}")
        except InstantiationException as error:
            cause = error.__cause__
            if isinstance(cause, ConfigErrors):
                self.problems += cause.problems
            else:
                self.problems.append(f"{key}: {_first_line(cause or error)}")
        except OmegaConfBaseException as error:
            self.problems.append(f"{key}: {_first_line(error)}")
        return None

    def raise_if_any(self) -> None:
        """Raises one `ConfigErrors` with all problems, each once, in the order found."""
        if self.problems:
            raise ConfigErrors(list(dict.fromkeys(self.problems)))


def to_plain(node: Any) -> Any:
    """Gives a node as plain dicts, lists and values, interpolations resolved."""
    return OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else node


def find_argument_problems(
    target: Callable[..., Any], keys: dict[str, Any], more: dict[str, Any]
) -> list[str]:
    """Gives a line for each value that the target doesn't take or that has the wrong type.

    Args:
        target: a class or function with annotated arguments.
        keys: config keys, whose last part names the argument, and their values.
        more: arguments given besides.
    """
    parameters = inspect.signature(target).parameters
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return []
    hints = get_type_hints(target.__init__ if inspect.isclass(target) else target)
    names = [name for name in parameters if name not in more]
    problems: list[str] = []
    for key, value in keys.items():
        name = key.rsplit(".", 1)[-1]
        if name not in names:
            problems.append(f"{key}: there is no such key.{suggest_nearest(name, names)}")
        elif not fits_hint(value, hints.get(name, Any)):
            problems.append(f"{key}={value}: {describe_hint(hints[name])}.")
    return problems


def fits_hint(value: Any, hint: Any) -> bool:
    """Tells whether a config value is what a type hint asks for; unknown hints take anything."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(fits_hint(value, kind) for kind in inner)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint in (bool, str, NoneType):
        return isinstance(value, hint)
    if origin is Mapping:
        return isinstance(value, dict) and all(fits_hint(item, inner[1]) for item in value.values())
    if isinstance(origin, type) and issubclass(origin, Sequence) and inner:
        return isinstance(value, list) and all(fits_hint(item, inner[0]) for item in value)
    return True


def describe_hint(hint: Any) -> str:
    """Says in words what a type hint asks for."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return " or ".join("null" if kind is NoneType else describe_hint(kind) for kind in inner)
    if origin is Mapping:
        return f"lines of KEY: VALUE, each value {describe_hint(inner[1])}"
    if inner:
        return f"a list, each {describe_hint(inner[0])}"
    return _NAMES.get(hint, getattr(hint, "__name__", str(hint)))


def _raise_problems(problems: list[str]) -> None:
    if problems:
        raise ConfigErrors(problems)


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
