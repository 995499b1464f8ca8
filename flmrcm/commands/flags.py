"""Flags of a command: what isn't understood ends it with one line."""

import argparse
from typing import NoReturn

from flmrcm.errors import ConfigErrors


class FlagParser(argparse.ArgumentParser):
    """Reads a command's flags, by their whole names only.

    Args:
        command: its name; its help is a file of its own.
    """

    def __init__(self, command: str) -> None:
        super().__init__(prog=f"flmrcm {command}", add_help=False, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Raise a `ConfigErrors`, where argparse would print its usage and end the process."""
        raise ConfigErrors([f"{message}. See {self.prog} --help."])
