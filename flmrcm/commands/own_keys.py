"""The own keys of a command that takes a checkpoint, beside those of a training."""

from collections.abc import Sequence

from omegaconf import DictConfig, OmegaConf

from flmrcm.config.compose import compose_config
from flmrcm.config.words import split_own_words
from flmrcm.errors import CheckpointError, ConfigErrors
from flmrcm.files import expand_home

_WANTED = {"checkpoint": "FILE", "input": "FILE_OR_FOLDER", "output": "FOLDER"}


def read_own_keys(command: str, words: Sequence[str]) -> DictConfig:
    """Return a command's own keys; the other words are left alone.

    Raises:
        ConfigErrors: one that it can't do without isn't typed, or another word is wrong.
        CheckpointError: there is no checkpoint of that name.
    """
    asked = compose_config(command, split_own_words(command, words)[0])
    wanted = {**_WANTED, **({"output": "FILE"} if command == "export" else {})}
    missing = [key for key in wanted if OmegaConf.is_missing(asked, key)]
    if missing:
        raise ConfigErrors([f"{key}: give {key}={wanted[key]}." for key in missing])
    path = expand_home(str(asked.checkpoint))
    if path.is_dir():
        raise CheckpointError(f"{path}: is a folder; name a file, such as checkpoints/last.pt.")
    if not path.exists():
        raise CheckpointError(f"{path}: there is no such checkpoint.")
    return asked
