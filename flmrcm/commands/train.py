"""`flmrcm train`: one run, a resumed run, or the jobs of a multirun."""

import argparse
from collections.abc import Sequence

from omegaconf import OmegaConf

from flmrcm.commands.flags import FlagParser
from flmrcm.config.compose import expand_words
from flmrcm.config.hydra_app import obey_flags
from flmrcm.config.jobs import compose_jobs
from flmrcm.errors import ConfigErrors
from flmrcm.logs import say
from flmrcm.runs.resume import compose_resumed, is_resume


def main(words: list[str]) -> None:
    """Check every job the words stand for, then run them."""
    asked = _parse_flags(words)
    if asked.hydra_help or asked.shell_completion:
        obey_flags(words)
        return
    if is_resume(asked.words):
        if asked.multirun:
            raise ConfigErrors(["resume: a run is gone on with alone; leave out -m."])
        cfg, folder = compose_resumed(asked.words)
        if asked.cfg or asked.info or asked.package or asked.resolve:
            say(OmegaConf.to_yaml(cfg))
            return
        from flmrcm.runs.training import launch  # only here: wrong words are told before it loads

        launch(cfg, folder, resumes=True)
        return
    typed = expand_words(asked.words, asked.multirun)
    planned = compose_jobs("train", typed, asked.multirun)
    if asked.info or asked.resolve or asked.package or asked.cfg in ("hydra", "all"):
        obey_flags(words)
        return
    if asked.cfg:
        say(OmegaConf.to_yaml(planned[0].config))
        return
    from flmrcm.runs.jobs import run_jobs  # only here: wrong words are told before it loads

    run_jobs(planned, typed, asked.multirun)


_INFOS = ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")


def _parse_flags(words: Sequence[str]) -> argparse.Namespace:
    parser = FlagParser("train")
    parser.add_argument("-m", "--multirun", action="store_true")
    parser.add_argument("-c", "--cfg", choices=["job", "hydra", "all"])
    parser.add_argument("-p", "--package")
    parser.add_argument("-i", "--info", nargs="?", const="all", choices=_INFOS)
    parser.add_argument("-sc", "--shell-completion", action="store_true")
    for flag in ("--resolve", "--hydra-help"):
        parser.add_argument(flag, action="store_true")
    parser.add_argument("words", nargs="*")
    return parser.parse_intermixed_args(words)
