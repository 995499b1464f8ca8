"""Opening HDF5 files; what goes wrong is one clear line, and a file in use is no broken file."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from errno import ENOENT
from pathlib import Path
from typing import Any

import h5py

from flmrcm.errors import DataLayoutError, DataUnavailableError


@contextmanager
def open_h5(path: Path) -> Generator[h5py.File]:
    """Open an HDF5 file for reading; errors inside the block become one clear line.

    Raises:
        DataUnavailableError: the file may be whole, but can't be opened now: it is locked, or the
            operating system refuses.
        DataLayoutError: the file is no HDF5 file, or what the block reads is damaged.
    """
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise _explain_opening(path, error) from None
    with file:
        try:
            yield file
        except (OSError, RuntimeError, ValueError, TypeError) as error:
            if isinstance(error, OSError) and error.errno:
                raise _refuse_for_now(path, error.errno) from None
            raise DataLayoutError(f"{path}: damaged inside ({error}).") from None


def get_dataset(file: h5py.File, path: Path, key: str) -> h5py.Dataset:
    """Return a data set of an open file.

    Raises:
        DataLayoutError: the file holds no data set of this name.
    """
    dataset = file.get(key)
    if not isinstance(dataset, h5py.Dataset):
        keys = ", ".join(file) or "nothing"
        raise DataLayoutError(f"{path}: no data set '{key}'; the file holds {keys}.")
    return dataset


def read_attributes(path: Path) -> dict[str, Any]:
    """Return the attributes of a file as they are stored; bytes are decoded to text.

    Raises:
        DataLayoutError: the file can't be opened.
    """
    with open_h5(path) as file:
        return {
            key: value.decode(errors="replace") if isinstance(value, bytes) else value
            for key, value in file.attrs.items()
        }


def _explain_opening(path: Path, error: OSError) -> DataLayoutError:
    text = str(error)
    if "unable to lock file" in text:
        return DataUnavailableError(
            f"{path}: locked, not broken: another process has it open for writing, such as a "
            "copy, a conversion, a notebook or a viewer; wait for it, or close it there. Where "
            "nobody writes (some network file systems know no locks), set the environment "
            "variable HDF5_USE_FILE_LOCKING=FALSE."
        )
    if "already open for write" in text:
        return DataUnavailableError(
            f"{path}: marked as open for writing: a process writes it, or was stopped while it "
            "did; wait for it, or clear the mark with `h5clear -s FILE`."
        )
    # without a number the complaint is HDF5's own: the content is at fault
    if error.errno and error.errno != ENOENT:
        return _refuse_for_now(path, error.errno)
    # h5py writes "Unable to …(file signature not found)": only the end helps a reader
    reason = text.split("(")[-1].rstrip(")")
    return DataLayoutError(f"{path}: not a readable HDF5 file ({reason}).")


def _refuse_for_now(path: Path, number: int) -> DataUnavailableError:
    """Return an error of the operating system: a disk, a network, a right that is missing."""
    return DataUnavailableError(f"{path}: can't be read at present ({os.strerror(number)}).")
