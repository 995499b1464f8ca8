"""`flmrcm export`: a checkpoint's network for other programs."""

from flmrcm.commands.own_keys import read_own_keys
from flmrcm.config.compose import find_unreadable
from flmrcm.config.words import find_key_problems, quote_texts, split_own_words
from flmrcm.errors import ConfigErrors
from flmrcm.files import expand_home
from flmrcm.logs import say


def main(words: list[str]) -> None:
    """Write the network, run what was written, and print how far it is from the network.

    Raises:
        ConfigErrors: words that aren't understood, or what can't be exported so.
        FlmrcmError: the checkpoint can't be read, or what was written gives other images.
    """
    typed = quote_texts(words)
    if problems := find_key_problems("export", typed) | find_unreadable(typed):
        raise ConfigErrors([problems[word] for word in typed if word in problems])
    asked = read_own_keys("export", typed)
    from flmrcm.runs.export import prepare_export  # only here: wrong words are told before it loads

    path = expand_home(str(asked.output))
    exported = prepare_export(asked, split_own_words("export", typed)[1])
    error = exported.write(path)
    say(f"written: {path}; takes {exported.describe_inputs()}")
    say(f"checked: its images differ from the network's by {error:.1e} of their range")
