"""`flmrcm attack`: what the messages and weights of one's own run tell about its images."""

from datetime import datetime
from pathlib import Path
from secrets import token_hex

from flmrcm.commands.own_keys import read_own_keys
from flmrcm.config.compose import find_unreadable
from flmrcm.config.conf_files import describe_options, list_options
from flmrcm.config.words import find_key_problems, quote_texts, read_value, split_own_words
from flmrcm.errors import ConfigErrors, check_choice
from flmrcm.files import expand_home
from flmrcm.logs import say


def main(words: list[str]) -> None:
    """Attack a run, print what was found, and write it to a folder.

    Raises:
        ConfigErrors: words that aren't understood, or a run that can't be attacked so.
        FlmrcmError: the checkpoint or the data don't suffice.
    """
    typed = quote_texts(words)
    if problems := find_key_problems("attack", typed) | find_unreadable(typed):
        raise ConfigErrors([problems[word] for word in typed if word in problems])
    _check_kind(typed)
    asked = read_own_keys("attack", typed)
    folder = expand_home(str(asked.output)) if asked.output else _name_folder()
    # only here: wrong words are told before it loads
    from flmrcm.reports.tables.step_progress import StepProgress
    from flmrcm.runs.attack import FIGURE, FINDING, prepare_attack

    prepared = prepare_attack(asked, split_own_words("attack", typed)[1])
    with StepProgress() as progress:
        finding = prepared.run(folder, progress.show)
    for line in finding.summarise():
        say(line)
    say(f"written: {folder}, {FINDING} and {FIGURE}")


def _check_kind(words: list[str]) -> None:
    kind, kinds = read_value("kind", words), list_options("kind", words)
    if kind is None:
        raise ConfigErrors([f"kind: give kind=NAME, one of {describe_options('kind', words)}."])
    if problems := check_choice("kind", kind, kinds):
        raise ConfigErrors(problems)


def _name_folder() -> Path:
    now = f"{datetime.now():%Y-%m-%d_%H-%M-%S}"
    return Path("outputs") / "attack" / f"{now}_{token_hex(2)}"
