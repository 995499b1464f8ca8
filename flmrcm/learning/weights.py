"""Weights from files: fastMRI's, the published code's, our own; tensors only, never code."""

import logging
from collections.abc import Collection, Mapping
from io import BytesIO
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor, nn

from flmrcm.errors import CheckpointError
from flmrcm.files import write_atomically

log = logging.getLogger(__name__)

_WRAPPING_KEYS = ("state_dict", "weights", "model")
_NAME_PREFIXES = ("module.", "model.", "unet.", "varnet.")


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
    """Return the tensors that a checkpoint keeps in `state_dict`, `weights`, `model` or openly.

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
    return weights


def match_weights(
    tensors: Mapping[str, Tensor], model: nn.Module, origin: object, private: Collection[str] = ()
) -> dict[str, Tensor]:
    """Return a checkpoint's tensors under the model's names, without those of other modules.

    Where its own names are not the model's, `module.`, `model.` and `unet.` are taken off their
    front. A Lightning checkpoint may hold more beside a whole network, such as metrics or another
    network: that is left out, with a line. Tensors within the model's own modules stay, so that
    another architecture is found by `check_weights`.

    Args:
        tensors: as `find_weights` gives them.
        model: what they shall be loaded into.
        origin: where they come from, for messages.
        private: names that the checkpoint may lack.

    Raises:
        CheckpointError: two of its tensors would have one name.
    """
    own = model.state_dict()
    needed = own.keys() - set(private)
    weights = dict(tensors)
    if not needed <= weights.keys():
        weights = _shorten_names(tensors, origin)
    modules = {name.split(".")[0] for name in own}
    others = [name for name in weights if name.split(".")[0] not in modules]
    if not others or not needed <= weights.keys():
        return weights
    more = f" and {len(others) - 3} more" if len(others) > 3 else ""
    log.info("%s: left out what isn't the network's: %s%s", origin, ", ".join(others[:3]), more)
    return {name: tensor for name, tensor in weights.items() if name not in others}


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


def _shorten_names(tensors: Mapping[str, Tensor], origin: object) -> dict[str, Tensor]:
    shortened: dict[str, str] = {}
    for name in tensors:
        short = name
        for prefix in _NAME_PREFIXES:
            short = short.removeprefix(prefix)
        if short in shortened:
            raise CheckpointError(
                f"{origin}: {shortened[short]} and {name} could both be {short}; save the network "
                "that is meant alone."
            )
        shortened[short] = name
    return {short: tensors[name] for short, name in shortened.items()}
