"""The command line: `flmrcm COMMAND …`; every expected error is one clear line."""

import signal
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from flmrcm import __version__
from flmrcm.errors import ConfigErrors, FlmrcmError, describe_os_error, suggest_nearest
from flmrcm.logs import log_to_terminal, say
from flmrcm.signals import Stopped, raise_signals

COMMANDS = {
    "train": "run a federation: train, validate, test, keep everything in outputs/",
    "evaluate": "test a checkpoint on sites and splits",
    "reconstruct": "images of new scans, by any checkpoint: HDF5, NIfTI, DICOM, PNG",
    "export": "a checkpoint's network for other programs: torch.export, ONNX",
    "prepare": "make a site of original data: DICOM, NIfTI, fastMRI, BraTS, IXI",
    "inspect": "look at data before training: counts, sizes, suspicious volumes",
    "simulate": "make the simulated sites on purpose, with a contact sheet; or one of all masks",
    "runs": "list runs: state, strategy, target, seed, PSNR, age; with filters",
    "show": "one run: state, scores, chosen settings, curves, files",
    "compare": "tables and pictures of finished runs",
    "attack": "what a run's messages and weights tell about its images: attacks on one's own runs",
    "benchmark": "a method's runs under a fixed protocol, and the leaderboard",
    "deploy": "certificates, keys and folders for a federation of several machines",
    "up": "try a federation out: all of it on this machine",
    "down": "end what up started",
    "ledger": "what crossed between coordinator and sites, to the byte",
    "doctor": "is this machine fit? versions, GPU, disk, cache, common traps; for bug reports",
}

_WITH_CONFIG = (
    "train", "evaluate", "reconstruct", "export", "attack", "prepare", "simulate", "deploy", "up",
)  # fmt: skip
"""Commands whose words are keys of a config."""

HELP_TEXTS = Path(__file__).parent / "commands" / "help"
"""One file per command: a text that never changes needn't wait for what the command imports."""

HELP = f"""flmrcm {__version__}: federated MRI reconstruction from a config

usage: flmrcm COMMAND [KEY=VALUE | GROUP=NAME ...]

{chr(10).join(f"  {name:<13}{text}" for name, text in COMMANDS.items())}

first steps
  flmrcm train debug=tiny                          two small sites, one round, seconds
  flmrcm train strategy=fl_mr target=sim_b         federated averaging on the simulated sites
  flmrcm train -m strategy=fl_mr,fl_mrcm seed=1,2  four runs, one after the other
  flmrcm compare outputs/train                     which was better, on which site

`flmrcm COMMAND --help` tells more; eval "$(flmrcm -sc install=bash)" lets Tab complete words.
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; exit with 0, 1 (it failed, one line says why) or 2 (not understood).

    A signal ends it as Ctrl-C does, with 128 and the signal's number.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("-h", "--help", "help"):
        say(HELP.rstrip())
    elif words[0] in ("-V", "--version"):
        say(__version__)
    elif words[0] in ("-sc", "--shell-completion"):
        import_module("flmrcm.config.hydra_app").complete_line(words, list(COMMANDS))
    elif words[0] not in COMMANDS:
        nearest = suggest_nearest(words[0], COMMANDS)
        _fail(f"no command '{words[0]}'.{nearest} See flmrcm --help.", 2)
    elif {"-h", "--help"} & set(words[1:]):
        text = (HELP_TEXTS / f"{words[0]}.txt").read_text()
        more = import_module("flmrcm.config.plugin_help").describe_plugins(words[0])
        say(f"{text.rstrip()}\n{more}".rstrip())
    else:
        _run_command(words[0], words[1:])


def _run_command(command: str, words: list[str]) -> None:
    log_to_terminal()
    # figures show a box for a letter that their font lacks, as in names of sites and files
    warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font")
    try:
        with raise_signals():
            if command in _WITH_CONFIG:
                import_module("flmrcm.config.words").refuse_slips(command, words)
            import_module(f"flmrcm.commands.{command}").main(words)
    except ConfigErrors as error:
        _fail("\n".join(f"config: {problem}" for problem in error.problems), 2)
    except FlmrcmError as error:
        _fail(str(error), 1)
    except OSError as error:
        _fail(f"{describe_os_error(error)} Whatever was whole is kept.", 1)
    except Stopped as stop:
        name = signal.Signals(stop.number).name
        _fail(f"stopped by {name}; whatever was whole is kept.", 128 + stop.number)
    except KeyboardInterrupt:
        _fail("stopped; whatever was whole is kept.", 130)


def _fail(text: str, status: int) -> NoReturn:
    say(text, error=True)
    sys.exit(status)
