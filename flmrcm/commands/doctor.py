"""`flmrcm doctor`: is this machine fit for runs? Made to be pasted into a bug report."""

from collections.abc import Sequence
from pathlib import Path

from flmrcm.commands.flags import FlagParser
from flmrcm.diagnosis.machine import hide_home, list_facts
from flmrcm.diagnosis.traps import find_traps
from flmrcm.errors import FlmrcmError
from flmrcm.logs import say


def main(words: Sequence[str]) -> None:
    """Print what this machine is, then what would go wrong on it.

    Raises:
        ConfigErrors: a word that isn't understood.
        FlmrcmError: something stops runs.
    """
    parser = FlagParser("doctor")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("outputs"))
    folder = parser.parse_args(words).folder
    facts = list_facts(folder)
    width = max(len(fact.name) for fact in facts)
    say("\n".join(f"{fact.name:<{width}}  {fact.value}" for fact in facts))
    findings = find_traps(folder)
    for finding in findings:
        say(f"{'stops runs' if finding.stops else 'beware'}: {hide_home(finding.text)}", "yellow")
    stops = sum(finding.stops for finding in findings)
    if stops:
        raise FlmrcmError(f"Runs can't succeed here: {stops} of the lines above.")
    say("Nothing stops runs. Does everything run? flmrcm train debug=tiny")
