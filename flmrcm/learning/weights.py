"""Weights from files: fastMRI's, the published code's, our own; tensors only, never code."""

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor, nn

from flmrcm.errors import CheckpointError
from flmrcm.files import write_atomically

_WRAPPING_KEYS = ("state_dict", "weights", "model")
_NAME_PREFIXES = ("module.", "model.", "unet.")


def read_torch_file(path: Path) -> Any:
    """Return a torch file's content, loaded as tensors and plain values only.

    Raises:
        CheckpointError: not there, truncated, or holding more than tensors and plain values.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise CheckpointError(f"{path}: there is no such checkpoint.") from None
    except UnpicklingError:
        raise CheckpointError(
            f"{path}: not a torch file, or it holds more than tensors and plain values, "
            "which is never loaded; save its state_dict alone."
        ) from None
    except Exception as error:  # a broken file can fail in any of torch's and pickle's readers
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(f"{path}: truncated or not a torch file ({reason}).") from None


def write_torch_file(path: Path, content: Any) -> None:
    """Write tensors and plain values to a torch file.

    Raises:
        OSError: the device is full or refuses; an older file of that name is still whole.
    """
    # torch reports a full device in words of its own; a buffer's write says it as any file does
    buffer = BytesIO()
    torch.save(content, buffer)
    write_atomically(path, buffer.getbuffer())


def find_weights(content: Any, path: Path) -> dict[str, Tensor]:
    """Return the network's weights wherever a checkpoint keeps them.

    Looks inside `state_dict`, `weights` and `model`, and takes `module.`, `model.` and `unet.`
    off the front of the names.

    Raises:
        CheckpointError: no tensors are found.
    """
    while isinstance(content, Mapping):
        inner = next((key for key in _WRAPPING_KEYS if isinstance(content.get(key), Mapping)), None)
        if inner is None:
            break
        content = content[inner]
    tensors = content if isinstance(content, Mapping) else {}
    weights = {str(k): v for k, v in tensors.items() if isinstance(v, Tensor)}
    if not weights:
        raise CheckpointError(f"{path}: holds no weights.")
    return {_strip_prefixes(name): tensor for name, tensor in weights.items()}


def check_weights(weights: Mapping[str, Tensor], model: nn.Module, origin: object) -> None:
    """Refuse weights whose names or shapes aren't the model's.

    Args:
        weights: what shall be loaded.
        model: what it shall be loaded into.
        origin: where the weights come from, for the message.

    Raises:
        CheckpointError: with the first mismatching names.
    """
    own = model.state_dict()
    wrong = [f"{name} is missing" for name in own if name not in weights]
    wrong += [f"{name} isn't in the model" for name in weights if name not in own]
    wrong += [
        f"{name} is {tuple(weights[name].shape)}, the model has {tuple(tensor.shape)}"
        for name, tensor in own.items()
        if name in weights and weights[name].shape != tensor.shape
    ]
    if wrong:
        more = f"; and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise CheckpointError(
            f"{origin}: weights of another architecture: {'; '.join(wrong[:3])}{more}. "
            "Set model=… as it was trained."
        )


def _strip_prefixes(name: str) -> str:
    for prefix in _NAME_PREFIXES:
        name = name.removeprefix(prefix)
    return name
