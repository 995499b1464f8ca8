"""The files of an `input`: of a folder, a single file, or a pattern."""

from collections.abc import Collection, Mapping, Sequence
from glob import escape, has_magic, iglob
from pathlib import Path

from flmrcm.errors import DataLayoutError, check_choice
from flmrcm.files import expand_home


def list_files(input_: str, endings: tuple[str, ...]) -> tuple[Path, list[Path]]:
    """Return the folder before the first wildcard of a path, and its files, sorted.

    Args:
        input_: a folder with all its subfolders, one file, or a pattern with `*`, `**`, `?`, `[…]`.
        endings: endings of the wanted file names, such as `.nii.gz`; case is ignored.

    Raises:
        DataLayoutError: it doesn't exist, or holds no such file.
    """
    text = str(expand_home(input_))
    # the name of a folder may hold brackets too
    is_pattern = has_magic(text) and not Path(text).exists()
    root = _find_fixed_part(text) if is_pattern else Path(text)
    if not root.exists():
        raise DataLayoutError(f"input={input_}: {root} doesn't exist; give the folder of the data.")
    own = f"{escape(text)}/**" if root.is_dir() else escape(text)
    pattern = text if is_pattern else own
    # not Path.glob: before Python 3.13 it doesn't enter linked folders
    paths = map(Path, iglob(pattern, recursive=True))  # noqa: PTH207
    files = sorted(
        file for file in paths
        if file.name.lower().endswith(endings) and not file.name.startswith(".") and file.is_file()
    )  # fmt: skip
    if not files:
        verb = "matches" if is_pattern else "holds"
        named = " or ".join(filter(None, [", ".join(endings[:-1]), endings[-1]]))
        raise DataLayoutError(f"input={input_}: {verb} no {named} file.")
    return (root if root.is_dir() else root.parent), files


def find_contrast_problems(contrasts: Sequence[str] | None, known: Collection[str]) -> list[str]:
    """Return an error line for each contrast that a source doesn't know, or for an empty list."""
    lines = [check_choice("contrasts", contrast, tuple(known)) for contrast in contrasts or ()]
    is_empty = contrasts is not None and not contrasts
    empty = ["contrasts=[]: name at least one, or null for all."] if is_empty else []
    return [*empty, *(line for problems in lines for line in problems)]


def find_contrast(name: str, names: Mapping[str, Sequence[str] | str]) -> str | None:
    """Return the contrast that a name stands for; None if it stands for none.

    Args:
        name: a data set's own word for a contrast.
        names: contrast → such words, or a single one.
    """
    lists = {key: [words] if isinstance(words, str) else words for key, words in names.items()}
    return next((contrast for contrast, words in lists.items() if name in words), None)


def _find_fixed_part(text: str) -> Path:
    """Return the folders before the first part with a wildcard."""
    parts = Path(text).parts
    first = next((index for index, part in enumerate(parts) if has_magic(part)), len(parts))
    return Path(*parts[:first])
