"""Errors that a user sees: each says what is wrong, where, and how to mend it."""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches


class FlmrcmError(Exception):
    """Base of the errors that the command line shows as one line instead of a traceback."""


class ConfigErrors(FlmrcmError):
    """Every problem found in a config, reported together.

    Args:
        problems: one line each: key, value, what is allowed.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = list(problems)


class DataLayoutError(FlmrcmError):
    """A file or folder does not hold what the on-disk contract requires."""


class DataUnavailableError(DataLayoutError):
    """A file that may be whole, but can't be read now; leaving it out would change the numbers."""


class CheckpointError(FlmrcmError):
    """A checkpoint cannot be read or belongs to another model."""


class NonFiniteLossError(FlmrcmError):
    """The loss of a training step is not a finite number."""


class SiteFailed(FlmrcmError):
    """A site did not answer, and the round cannot go on without it."""


class SiteRefuses(FlmrcmError):
    """A site does not answer a call, or does not let a reply out.

    Args:
        text: why, in words for the people at the site.
        kind: what a coordinator elsewhere is told; one of the kinds of `remote/site_errors.py`.
    """

    def __init__(self, text: str, kind: str = "policy") -> None:
        super().__init__(text)
        self.kind = kind


def describe_os_error(error: OSError) -> str:
    """Return where the operating system refused what: `outputs/x: Permission denied`, and a dot."""
    return f"{error.filename or 'file'}: {error.strerror or error}."


def find_nearest(word: object, allowed: Iterable[str], likeness: float = 0.5) -> str | None:
    """Return the allowed word closest to `word`, or None where none is near.

    Capitals, hyphens, underscores and spaces do not count: `FL-MRCM` equals `fl_mrcm`.

    Args:
        word: as typed.
        allowed: the words there are.
        likeness: how alike they have to be, from 0 to 1.
    """
    forms = {fold(name): name for name in allowed}
    match = get_close_matches(fold(str(word)), forms, n=1, cutoff=likeness)
    return forms[match[0]] if match else None


def suggest_nearest(word: object, allowed: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the allowed word closest to `word`, or an empty string."""
    nearest = find_nearest(word, allowed)
    return "" if nearest is None else f" Did you mean '{nearest}'?"


def check_choice(key: str, value: object, allowed: Sequence[str]) -> list[str]:
    """Return a problem line when `value` is not among `allowed`, else nothing."""
    if value in allowed:
        return []
    return [f"{key}={value}: use one of {', '.join(allowed)}.{suggest_nearest(value, allowed)}"]


def require(rules: Mapping[str, tuple[bool, str]]) -> None:
    """Raise an error that lists every rule that does not hold.

    Args:
        rules: key → (whether it holds, "what is allowed; got VALUE").

    Raises:
        ConfigErrors: at least one rule does not hold.
    """
    problems = [f"{key}: {text}" for key, (holds, text) in rules.items() if not holds]
    if problems:
        raise ConfigErrors(problems)


def fold(word: str) -> str:
    """Return a word without what doesn't count when words are compared: `FL-MRCM` as `flmrcm`."""
    return word.casefold().replace("-", "").replace("_", "").replace(" ", "")
