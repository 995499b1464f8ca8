"""Building objects from config nodes, with every problem of every node gathered."""

import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from hydra._internal.utils import _locate  # pyright: ignore[reportPrivateUsage]  # says nothing
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from flmrcm.config.allow_list import AllowList
from flmrcm.config.migration import find_new_target
from flmrcm.errors import ConfigErrors, FlmrcmError, suggest_nearest

log = logging.getLogger(__name__)

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

    def build(
        self, key: str, node: DictConfig | Mapping[str, Any], kind: Any = object, /, **more: Any
    ) -> Any:
        """Return the object a node's `_target_` describes, or None when it has a problem.

        Args:
            key: where the node stands in the config, for messages.
            node: with `_target_`.
            kind: the class it has to be of.
            more: arguments that no config can hold.
        """

        def made() -> Any:
            if self.allowed is not None:
                raw = OmegaConf.to_container(node) if OmegaConf.is_config(node) else node
                _raise_problems(self.allowed.find_problems(key, raw))
            values = to_plain(node)
            _raise_problems(find_node_problems(key, values, more))
            # Hydra would take what no config can hold for config, so it's given afterwards.
            make = instantiate({**values, "_convert_": "all", "_partial_": True})
            try:
                built = make(**more)
            except (FlmrcmError, OSError):
                raise
            except Exception as error:  # a class may refuse in its own way
                log.debug("%s", key, exc_info=True)
                raise ConfigErrors([f"{key}: can't be built: {_first_line(error)}."]) from None
            if not isinstance(built, kind):
                raise ConfigErrors([f"{key}: {values['_target_']} is no {kind.__name__}."])
            return built

        return self.attempt(key, made)

    def call(self, target: Callable[..., T], keys: dict[str, Any], **more: Any) -> T | None:
        """Return `target(...)`, its arguments named by the last part of their config keys."""

        def make() -> T:
            _raise_problems(find_argument_problems(target, keys, more))
            return target(**{key.rsplit(".", 1)[-1]: v for key, v in keys.items()}, **more)

        return self.attempt(getattr(target, "__name__", str(target)), make)

    def attempt(self, key: str, make: Callable[[], T]) -> T | None:
        """Return what `make` gives, or None when it found a problem."""
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
        """Raise one `ConfigErrors` with all problems, each once, in the order found."""
        if self.problems:
            raise ConfigErrors(list(dict.fromkeys(self.problems)))


def to_plain(node: Any) -> Any:
    """Return a node as plain dicts, lists and values, interpolations resolved."""
    return OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else node


def find_node_problems(key: str, node: Any, more: Mapping[str, Any]) -> list[str]:
    """Return a line for each part of a node, and of those in it, that no object can be made of.

    Args:
        key: where the node stands in the config.
        node: plain.
        more: arguments that the object is given besides.
    """
    name = node.get("_target_") if isinstance(node, dict) else None
    if not isinstance(name, str):
        return [f"{key}={node}: a node with _target_ and its arguments."]
    try:
        target = locate_target(key, name)
    except ConfigErrors as error:
        return error.problems
    values = {f"{key}.{inner}": value for inner, value in node.items() if inner[0] != "_"}
    problems = find_argument_problems(target, values, dict(more))
    for place, value in values.items():
        problems += _find_inner_problems(place, value)
    return problems


def locate_target(key: str, name: str) -> Callable[..., Any]:
    """Return the class or function of a dotted name.

    Args:
        key: of the node that names it, for messages.
        name: its `_target_`.

    Raises:
        ConfigErrors: there is none, or its module can't be imported.
    """
    try:
        return _locate(name)
    except Exception as error:  # whatever a module does when it's imported
        why = f"{_first_line(error.__cause__ or error)}.{_near(name)}"
        why = f"is called {new} now." if (new := find_new_target(name)) else why
        raise ConfigErrors([f"{key}._target_={name}: {why}"]) from None


def _near(name: str) -> str:
    """Return what a module has of a name like the one it hasn't."""
    module, _, last = name.rpartition(".")
    try:
        return suggest_nearest(last, dir(_locate(module)))
    except Exception:  # there is no such module either
        return ""


def _find_inner_problems(key: str, value: Any) -> list[str]:
    if isinstance(value, dict) and "_target_" in value:
        return find_node_problems(key, value, {})
    parts = value.items() if isinstance(value, dict) else ()
    return [line for name, part in parts for line in _find_inner_problems(f"{key}.{name}", part)]


def find_argument_problems(
    target: Callable[..., Any], keys: dict[str, Any], more: dict[str, Any]
) -> list[str]:
    """Return a line for each value that the target doesn't take or that has the wrong type.

    Args:
        target: a class or function with annotated arguments.
        keys: config keys, whose last part names the argument, and their values.
        more: arguments given besides.
    """
    if not callable(target):
        return [f"{next(iter(keys), 'a node')}: belongs to what is no class or function."]
    try:
        parameters = inspect.signature(target).parameters
        hints = get_type_hints(target.__init__ if inspect.isclass(target) else target)
    except (TypeError, ValueError, NameError):  # written in C, or typed by what isn't imported
        return []
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return []
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
    """Tell whether a config value is what a type hint asks for; unknown hints take anything."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(fits_hint(value, kind) for kind in inner)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint in (bool, str, NoneType):
        return isinstance(value, hint)
    if origin is Callable:
        return callable(value) or (isinstance(value, dict) and "_target_" in value)
    if origin is Mapping:
        return isinstance(value, dict) and all(fits_hint(item, inner[1]) for item in value.values())
    if isinstance(origin, type) and issubclass(origin, Sequence) and inner:
        return isinstance(value, list) and all(fits_hint(item, inner[0]) for item in value)
    return True


def describe_hint(hint: Any) -> str:
    """Say in words what a type hint asks for."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return " or ".join("null" if kind is NoneType else describe_hint(kind) for kind in inner)
    if origin is Callable:
        return "a node with _target_"
    if origin is Mapping:
        return f"lines of KEY: VALUE, each value {describe_hint(inner[1])}"
    if inner:
        return f"a list, each {describe_hint(inner[0])}"
    return _NAMES.get(hint, getattr(hint, "__name__", str(hint)))


def _raise_problems(problems: list[str]) -> None:
    if problems:
        raise ConfigErrors(problems)


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
