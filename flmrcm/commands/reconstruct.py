"""`flmrcm reconstruct`: new scans become images by any checkpoint."""

from pathlib import Path
from typing import TYPE_CHECKING

from flmrcm.commands.own_keys import read_own_keys
from flmrcm.config.compose import find_unreadable
from flmrcm.config.words import find_key_problems, quote_texts, split_own_words
from flmrcm.errors import ConfigErrors, DataLayoutError
from flmrcm.files import expand_home
from flmrcm.logs import say

if TYPE_CHECKING:
    from flmrcm.runs.reconstruction import ScanOutcome

_MOST_NAMED = 20
"""Of more scans only the folder is named."""


def main(words: list[str]) -> None:
    """Reconstruct the scans that are missing in the output, and print where they are.

    Raises:
        ConfigErrors: words that aren't understood.
        FlmrcmError: nothing can be done; or a scan couldn't be reconstructed, all others are.
    """
    typed = quote_texts(words)
    if problems := find_key_problems("reconstruct", typed) | find_unreadable(typed):
        raise ConfigErrors([problems[word] for word in typed if word in problems])
    asked = read_own_keys("reconstruct", typed)
    place, output = expand_home(str(asked.input)), expand_home(str(asked.output))
    # only here: wrong words are told before it loads
    from flmrcm.reports.tables.slice_progress import SliceProgress
    from flmrcm.runs.reconstruction_folder import ReconstructionFolder
    from flmrcm.runs.reconstruction_setup import prepare_reconstruction
    from flmrcm.runs.scans import check_output, list_scans

    scans = list_scans(place)
    check_output(place, output)
    job = prepare_reconstruction(asked, split_own_words("reconstruct", typed)[1])
    folder = ReconstructionFolder(output, job.settings)
    outcomes: list[ScanOutcome] = []
    with folder.lock():
        plan = job.plan(scans, folder)
        with SliceProgress(plan.n_slices, len(plan.missing)) as progress:
            for outcome in job.run(plan, folder, progress.advance):
                progress.finish_scan(outcome.problem)
                outcomes.append(outcome)
    refused = [outcome for outcome in outcomes if outcome.problem]
    _print_places([outcome.files for outcome in outcomes if outcome.files], output)
    if plan.done:
        say(f"{len(plan.done)} of {len(scans)} were finished before: {output}")
    if refused:
        raise DataLayoutError(
            f"{len(refused)} of {len(scans)} couldn't be reconstructed; the lines above say why."
        )


def _print_places(written: list[list[Path]], output: Path) -> None:
    if len(written) > _MOST_NAMED:
        say(f"written: {output}, {len(written)} scans, a contact sheet (.png) beside each")
        return
    for image, *others in written:
        sheet = others[-1]
        # of a file per slice the folder
        place = image.parent if image.suffix in (".png", ".dcm") else image
        say(f"written: {place}, contact sheet {sheet.name}")
