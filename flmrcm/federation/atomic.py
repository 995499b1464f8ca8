"""Files that are whole or not there: written under a temporary name, then renamed."""

import os
from io import BytesIO
from pathlib import Path
from typing import Any

import torch

from flmrcm.files import write_atomically


def save_atomically(content: Any, path: Path) -> None:
    """Writes tensors and plain values to a torch file.

    Raises:
        OSError: the device is full or refuses; an older file of that name is still whole.
    """
    # torch reports a full device in words of its own; a buffer's write says it as any file does
    buffer = BytesIO()
    torch.save(content, buffer)
    write_atomically(path, buffer.getbuffer())


def link_atomically(source: Path, path: Path) -> None:
    """Gives a file a second name, replacing whatever bore it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    try:
        os.link(source, temporary)
    except OSError:  # a file system without hard links
        temporary.write_bytes(source.read_bytes())
    temporary.replace(path)
