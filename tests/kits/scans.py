"""New scans for `flmrcm reconstruct`, and checkpoints to reconstruct them with; small."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from kits.factories import make_unet
from kits.raw_files import plain_kspace, raw_kspace, write_kspace
from torch import nn

from flmrcm.app import main
from flmrcm.models.cascade import Cascade
from flmrcm.models.varnet import VarNet
from flmrcm.seeding import seeded

UNET = ["model=unet", "model.channels=2", "model.pools=2", "compute=cpu"]
VARNET = [
    "model=varnet", "model.cascades=1", "model.channels=2", "model.pools=2",
    "model.sens_channels=2", "model.sens_pools=2", "compute=cpu",
]  # fmt: skip
CASCADE = ["model=cascade", "model.cascades=2", "model.layers=2", "model.channels=2", "compute=cpu"]

LINES = np.zeros(32, np.float32)
LINES[13:19] = LINES[::4] = 1
"""A challenge file's mask: every fourth column and six in the middle."""


def reconstruct(*words: str) -> None:
    """Run the command in this process."""
    main(["reconstruct", *words])


def failing(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[Any, str]:
    """Return the status and what a failing command says."""
    with pytest.raises(SystemExit) as stopped:
        reconstruct(*words)
    return stopped.value.code, " ".join(capsys.readouterr().err.split())


def images(folder: Path | str) -> dict[str, Any]:
    """Return every reconstruction in a folder by its path there."""
    return {p.relative_to(folder).as_posix(): read(p)[0] for p in Path(folder).rglob("*.h5")}


def write_unet(path: Path = Path("unet.pt")) -> str:
    """Write bare weights of a U-Net; return the word that names them."""
    return _write_weights(make_unet(), path)


def write_varnet(path: Path = Path("varnet.pt")) -> str:
    """Write bare weights of a VarNet; return the word that names them."""
    with seeded("network"):
        return _write_weights(VarNet(1, 2, 2, sens_channels=2, sens_pools=2), path)


def write_cascade(path: Path = Path("cascade.pt")) -> str:
    """Write bare weights of a cascade; return the word that names them."""
    with seeded("network"):
        return _write_weights(Cascade(2, 2, 2), path)


def write_challenge(path: Path, coils: int = 1, mask: Any = LINES, **more: Any) -> np.ndarray:
    """Write a file as a challenge gives it: undersampled k-space, its mask, no target.

    Returns:
        The k-space as it is stored.
    """
    kspace = plain_kspace() if coils == 1 else raw_kspace(slice(0, 32))
    kspace = kspace * (mask if mask.ndim < 3 or coils == 1 else mask[:, None])
    write_kspace(path, kspace, target=False, mask=mask, **more)
    return kspace


def read(path: Path) -> tuple[np.ndarray, dict[str, Any]]:
    """Return a reconstruction and its attributes."""
    with h5py.File(path) as file:
        return np.asarray(file["reconstruction"]), dict(file.attrs)


def _write_weights(model: nn.Module, path: Path) -> str:
    torch.save(model.state_dict(), path)
    return f"checkpoint={path}"
