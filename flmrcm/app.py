"""The command line: `flmrcm COMMAND …`; every expected error is one clear line."""

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from rich.console import Console

from flmrcm import __version__
from flmrcm.errors import ConfigErrors, FlmrcmError, suggest_nearest
from flmrcm.logs import log_to_terminal

COMMANDS = {
    "train": "run a federation: train, validate, judge, keep everything in outputs/",
    "evaluate": "judge a checkpoint on sites and splits",
    "prepare": "make a site of original data: DICOM, NIfTI, fastMRI, BraTS, IXI",
    "inspect": "look at data before training: counts, sizes, suspicious volumes",
    "simulate": "make the simulated sites on purpose, with a contact sheet",
    "compare": "tables and pictures of finished runs",
    "deploy": "certificates, keys and folders for a federation of several machines",
    "up": "try a federation out: all of it on this machine",
    "down": "end what up started",
    "ledger": "what crossed between coordinator and sites, to the byte",
}

HELP_TEXTS = Path(__file__).parent / "commands" / "help"
"""One file per command: a text that never changes needn't wait for what the command imports."""

HELP = f"""flmrcm {__version__}: federated MRI reconstruction from a config

usage: flmrcm COMMAND [KEY=VALUE | GROUP=NAME ...]

{chr(10).join(f"  {name:<10}{text}" for name, text in COMMANDS.items())}

first steps
  flmrcm train debug=tiny                          two small sites, one round, seconds
  flmrcm train strategy=fl_mr target=sim_b         federated averaging on the simulated sites
  flmrcm train -m strategy=fl_mr,fl_mrcm seed=1,2  four runs, one after the other
  flmrcm compare outputs/train                     which was better, on which site

`flmrcm COMMAND --help` tells more.
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs a command; exits with 0, 1 (it failed, one line says why) or 2 (not understood)."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("-h", "--help", "help"):
        _say(HELP)
        return
    if words[0] in ("-V", "--version"):
        _say(__version__)
        return
    if words[0] not in COMMANDS:
        _fail(
            f"no command '{words[0]}'.{suggest_nearest(words[0], COMMANDS)} See flmrcm --help.", 2
        )
    if {"-h", "--help"} & set(words[1:]):
        _say((HELP_TEXTS / f"{words[0]}.txt").read_text())
        return
    log_to_terminal()
    try:
        import_module(f"flmrcm.commands.{words[0]}").main(words[1:])
    except ConfigErrors as error:
        _fail("\n".join(f"config: {problem}" for problem in error.problems), 2)
    except FlmrcmError as error:
        _fail(str(error), 1)
    except OSError as error:
        _fail(f"{error.filename or 'file'}: {error.strerror}. Whatever was whole is kept.", 1)
    except KeyboardInterrupt:
        _fail("stopped; whatever was whole is kept.", 130)


def _say(text: str) -> None:
    Console(highlight=False, markup=False, soft_wrap=True).print(text.rstrip())


def _fail(text: str, status: int) -> None:
    Console(stderr=True, highlight=False, markup=False, soft_wrap=True).print(text)
    sys.exit(status)
