"""Along which stored axis of the k-space lines were measured: a file's attribute, or the config."""

from pathlib import Path

import h5py

from flmrcm.errors import DataLayoutError

PHASE_ENCODINGS = ("columns", "rows")
"""Values of the attribute `phase_encoding`: the axis that masks undersample; without it columns."""


def find_phase_encoding(file: h5py.File, path: Path, asked: str | None) -> str:
    """Return along which stored axis of the k-space lines were measured: columns | rows.

    Args:
        file: with or without the attribute `phase_encoding`.
        path: of the file, for messages.
        asked: what the config says; None leaves it to the file, and without attribute to columns.

    Raises:
        DataLayoutError: the attribute is another word, or contradicts the config.
    """
    own = file.attrs.get("phase_encoding", asked or "columns")
    own = own.decode(errors="replace") if isinstance(own, bytes) else str(own)
    if own not in PHASE_ENCODINGS:
        raise DataLayoutError(
            f"{path}: its attribute phase_encoding is {own}; write columns or rows."
        )
    if asked not in (None, own):
        raise DataLayoutError(
            f"{path}: its attribute says phase_encoding={own}, but the config says "
            f"phase_encoding={asked}; correct the one that is wrong."
        )
    return own
