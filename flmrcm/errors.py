"""Errors a user meets: each says what is wrong, where, and how to mend it."""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches


class FlmrcmError(Exception):
    """Base of everything the command line shows as one line instead of a traceback."""


class ConfigErrors(FlmrcmError):
    """Every problem found in a config, reported together.

    Args:
        problems: one line each: key, value, what is allowed.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = list(problems)


class DataLayoutError(FlmrcmError):
    """A file or folder doesn't hold what the on-disk contract asks for."""


class CheckpointError(FlmrcmError):
    """A checkpoint can't be read or belongs to another model."""


class NonFiniteLossError(FlmrcmError):
    """A local step gave a loss that isn't a number."""


class SiteFailed(FlmrcmError):
    """A site couldn't answer and the round can't go on without it."""


class SiteRefuses(FlmrcmError):
    """A site's own policy forbids what is asked of it."""


def find_nearest(word: object, allowed: Iterable[str]) -> str | None:
    """Return the allowed word closest to `word`, or None where none is near.

    Capitals and what joins words don't count: `FL-MRCM` is as near to `fl_mrcm` as can be.
    """
    forms = {_fold(name): name for name in allowed}
    match = get_close_matches(_fold(str(word)), forms, n=1, cutoff=0.5)
    return forms[match[0]] if match else None


def suggest_nearest(word: object, allowed: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the allowed word closest to `word`, or an empty string."""
    nearest = find_nearest(word, allowed)
    return "" if nearest is None else f" Did you mean '{nearest}'?"


def check_choice(key: str, value: object, allowed: Sequence[str]) -> list[str]:
    """Gives a problem line when `value` isn't among `allowed`, else nothing."""
    if value in allowed:
        return []
    return [f"{key}={value}: use one of {', '.join(allowed)}.{suggest_nearest(value, allowed)}"]


def require(rules: Mapping[str, tuple[bool, str]]) -> None:
    """Raises one `ConfigErrors` with every rule that doesn't hold.

    Args:
        rules: key → (whether it holds, "what is allowed; got what").

    Raises:
        ConfigErrors: at least one rule doesn't hold.
    """
    problems = [f"{key}: {text}" for key, (holds, text) in rules.items() if not holds]
    if problems:
        raise ConfigErrors(problems)


def _fold(word: str) -> str:
    return word.casefold().replace("-", "").replace("_", "").replace(" ", "")
