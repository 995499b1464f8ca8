"""Which files an `input` stands for: a folder, a file, or a pattern."""

from collections.abc import Collection, Sequence
from glob import escape, has_magic, iglob
from pathlib import Path

from flmrcm.errors import DataLayoutError, check_choice


def list_files(input_: str, endings: tuple[str, ...]) -> tuple[Path, list[Path]]:
    """Gives the fixed part of a path or pattern, and the files it stands for, sorted.

    Args:
        input_: a folder, searched to its bottom; one file; or a pattern with `*`, `**`, `?`, `[…]`.
        endings: of the files wanted, such as `.nii.gz`; case doesn't matter.

    Raises:
        DataLayoutError: it isn't there, or no such file is in it.
    """
    text = str(Path(input_).expanduser())
    root = _find_fixed_part(text)
    if not root.exists():
        raise DataLayoutError(f"input={input_}: {root} isn't there.")
    pattern = text if has_magic(text) or not root.is_dir() else f"{escape(text)}/**"
    # not Path.glob: before Python 3.13 it doesn't enter linked folders
    found = map(Path, iglob(pattern, recursive=True))  # noqa: PTH207
    files = sorted(
        file for file in found
        if file.name.lower().endswith(endings) and not file.name.startswith(".") and file.is_file()
    )  # fmt: skip
    if not files:
        what = "matches" if has_magic(text) else "holds"
        raise DataLayoutError(f"input={input_}: {what} no {' or '.join(endings)} file.")
    return (root if root.is_dir() else root.parent), files


def find_contrast_problems(asked: Sequence[str] | None, known: Collection[str]) -> list[str]:
    """Gives a problem line for each contrast that a source doesn't know."""
    lines = [check_choice("contrasts", contrast, tuple(known)) for contrast in asked or ()]
    empty = ["contrasts=[]: name at least one."] if asked is not None and not asked else []
    return [*empty, *(line for problems in lines for line in problems)]


def _find_fixed_part(text: str) -> Path:
    """The folders before the first part with a wildcard."""
    parts = Path(text).parts
    wild = next((index for index, part in enumerate(parts) if has_magic(part)), len(parts))
    return Path(*parts[:wild])
