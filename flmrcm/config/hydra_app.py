"""Hydra as the program it is: its launchers, its own flags, and what a shell completes."""

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import hydra
from hydra._internal.callbacks import Callbacks
from hydra.core.global_hydra import GlobalHydra
from hydra.core.utils import run_job
from hydra.types import HydraContext
from omegaconf import DictConfig

from flmrcm.config.compose import initialize_hydra, register_resolvers
from flmrcm.config.conf_files import find_conf_dir
from flmrcm.config.search_path import complete_search_path, list_search_words

_RAISES = "HYDRA_FULL_ERROR"


def start_hydra(words: Sequence[str], task: Callable[[DictConfig], Any]) -> None:
    """Have Hydra run a task for the jobs of a multirun, or obey its flags among the words.

    What goes wrong is raised, where Hydra would print it and end the process.
    """
    register_resolvers()
    start = hydra.main(version_base="1.3", config_path=str(find_conf_dir()), config_name="train")
    words_before, sys.argv = sys.argv, ["flmrcm", *complete_search_path("train", words)]
    raised_before = os.environ.get(_RAISES)
    os.environ[_RAISES] = "1"
    try:
        start(task)()
    finally:
        sys.argv = words_before
        os.environ.pop(_RAISES)
        if raised_before is not None:
            os.environ[_RAISES] = raised_before


def run_composed(config: DictConfig, task: Callable[[DictConfig], Any]) -> None:
    """Have Hydra run a task for one job as it is composed, where a command would compose it twice.

    Args:
        config: of the job, with Hydra's own node.
        task: to run; what goes wrong in it is raised.
    """
    with initialize_hydra("train"):
        callbacks = Callbacks(config)
        context = HydraContext(GlobalHydra.instance().config_loader(), callbacks)
        callbacks.on_run_start(config=config, config_name="train")
        done = run_job(task, config, "hydra.run.dir", None, context)
        callbacks.on_run_end(config=config, config_name="train", job_return=done)
    _ = done.return_value  # raises what the task raised


def obey_flags(words: Sequence[str]) -> None:
    """Have Hydra show what its flags ask for: `--hydra-help`, `--info`, `--cfg hydra`."""
    start_hydra(words, lambda _: None)


def complete_line(words: Sequence[str], commands: Sequence[str]) -> None:
    """Print what a shell may complete, or the lines that teach it to: `-sc install=bash`.

    Args:
        words: as the shell's own lines type them; `COMP_LINE` holds what is being typed.
        commands: those there are.
    """
    line = os.environ.get("COMP_LINE", "")
    typed = line.split()
    if not any(word.startswith("query=") for word in words):
        obey_flags(words)
    elif len(typed) < 2 or (len(typed) == 2 and not line.endswith(" ")):
        print(" ".join(name for name in commands if name.startswith("".join(typed[1:]))))  # noqa: T201
    elif typed[1] == "train":
        search = "".join(f" {word}" for word in list_search_words("train", typed))
        os.environ["COMP_LINE"] = line.replace(" train", search, 1)
        obey_flags(words)
