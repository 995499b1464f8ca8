"""`flmrcm inspect`: the volumes of a folder, and which of them are suspicious."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import track

from flmrcm.errors import ConfigErrors, FlmrcmError, check_choice, suggest_nearest
from flmrcm.files import expand_home
from flmrcm.inspection.result_picture import draw_inspection
from flmrcm.inspection.result_tables import (
    InspectedVolume,
    build_summary_table,
    build_suspicion_table,
    build_volume_table,
    count_kinds,
)
from flmrcm.inspection.suspicions import find_suspicions
from flmrcm.inspection.volume_facts import VolumeFacts, examine_all
from flmrcm.inspection.volume_places import VolumePlace, find_volume_places
from flmrcm.logs import say
from flmrcm.reports.tables.fitting import print_whole

_INSPECT_KEYS = ("path", "output", "quick", "workers")
_VOLUMES_PER_WORKER = 64


@dataclass(frozen=True)
class InspectOptions:
    """The options of a call.

    Args:
        path: folder of the volumes.
        output: folder for the table and the picture.
        quick: whether only three slices of each volume are read.
        workers: number of processes; 0 lets the command choose.
    """

    path: Path
    output: Path
    quick: bool
    workers: int


def main(words: Sequence[str]) -> None:
    """Print counts and suspicious volumes, and write a table and a picture.

    Raises:
        ConfigErrors: words that aren't understood.
        FlmrcmError: there are no volumes, or some are suspicious.
    """
    options = parse_options(words)
    places = find_volume_places(options.path)
    facts = _examine(places, options)
    volumes = [InspectedVolume(*pair) for pair in zip(facts, find_suspicions(facts), strict=True)]
    options.output.mkdir(parents=True, exist_ok=True)
    build_volume_table(volumes).to_csv(options.output / "inspection.csv", index=False)
    draw_inspection(volumes, options.output / "inspection.png")
    _print_findings(volumes, options)
    if suspicious := [volume for volume in volumes if volume.suspicions]:
        share = f"{len(suspicious)} of {len(volumes)} volumes"
        raise FlmrcmError(f"{share} are suspicious: {count_kinds(suspicious)}.")


def parse_options(words: Sequence[str]) -> InspectOptions:
    """Return the options in words: one folder, alone or as `path=`, and `key=value`.

    Raises:
        ConfigErrors: all problems of the words.
    """
    folders: list[str] = []
    values: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        # the name of a folder may hold '=', too: only an identifier before it is a key, and
        # not even that where there is such a folder
        is_key = equals and key.isidentifier() and (key in _INSPECT_KEYS or not Path(word).is_dir())
        if not is_key or key == "path":
            folders.append(value if is_key else word)
        else:
            values[key] = value
    if problems := _find_problems(folders, values):
        raise ConfigErrors(problems)
    path = expand_home(folders[0])
    output = expand_home(values.get("output") or f"inspection_{path.absolute().name}")
    if output.resolve().is_relative_to(path.resolve()):
        raise ConfigErrors([f"output={output}: lies in the data folder; give one elsewhere."])
    return InspectOptions(
        path, output, values.get("quick") == "true", int(values.get("workers", "0"))
    )


def _find_problems(folders: Sequence[str], values: Mapping[str, str]) -> list[str]:
    problems = [
        f"{key}: no such key.{suggest_nearest(key, _INSPECT_KEYS)}"
        for key in values
        if key not in _INSPECT_KEYS
    ]
    if len(folders) != 1:
        problems.append(f"path: give one folder; got {', '.join(folders) or 'none'}.")
    if "quick" in values:
        problems += check_choice("quick", values["quick"], ("true", "false"))
    if not values.get("workers", "1").isdecimal() or values.get("workers") == "0":
        problems.append(f"workers={values['workers']}: a number of processes, 1 or more.")
    return problems


def _examine(places: Sequence[VolumePlace], options: InspectOptions) -> list[VolumeFacts]:
    enough = min(os.cpu_count() or 1, 1 + len(places) // _VOLUMES_PER_WORKER)
    facts = examine_all(places, options.quick, options.workers or enough)
    console = Console(stderr=True)
    hidden = not console.is_terminal
    return list(track(facts, "reading", len(places), console=console, disable=hidden))


def _print_findings(volumes: Sequence[InspectedVolume], options: InspectOptions) -> None:
    print_whole(build_summary_table(volumes))
    unknown = sum(not volume.facts.provenance.patient_id for volume in volumes)
    if unknown:
        say(
            f"without patient_id: {unknown} of {len(volumes)} volumes; it isn't known whether "
            "their people are in two splits."
        )
    if options.quick:
        say("quick: 3 slices of each volume were read; the others may hold anything.")
    if any(volume.suspicions for volume in volumes):
        print_whole(build_suspicion_table(volumes))
    else:
        say("Nothing is suspicious.")
    say(f"written to {options.output}: inspection.csv, inspection.png")
