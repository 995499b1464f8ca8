"""`flmrcm inspect`: what a folder of volumes holds, and what is suspicious about it."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import track

from flmrcm.errors import ConfigErrors, FlmrcmError, check_choice, suggest_nearest
from flmrcm.inspection.parallel import examine_all
from flmrcm.inspection.result_picture import draw_inspection
from flmrcm.inspection.result_tables import (
    InspectedVolume,
    build_summary_table,
    build_suspicion_table,
    build_volume_table,
    count_kinds,
)
from flmrcm.inspection.suspicions import find_suspicions
from flmrcm.inspection.volume_facts import VolumeFacts
from flmrcm.inspection.volume_places import VolumePlace, find_volume_places

_INSPECT_KEYS = ("path", "output", "quick", "workers")
_VOLUMES_PER_WORKER = 64


@dataclass(frozen=True)
class InspectOptions:
    """What was typed.

    Args:
        path: of the volumes.
        output: where the table and the picture go.
        quick: read three slices of each volume.
        workers: processes; 0 chooses.
    """

    path: Path
    output: Path
    quick: bool
    workers: int


def main(words: Sequence[str]) -> None:
    """Print what there is and what is suspicious; writes a table and a picture.

    Raises:
        ConfigErrors: words that weren't understood.
        FlmrcmError: there are no volumes, or some are suspicious.
    """
    asked = parse_options(words)
    places = find_volume_places(asked.path)
    facts = _examine(places, asked)
    volumes = [InspectedVolume(*pair) for pair in zip(facts, find_suspicions(facts), strict=True)]
    asked.output.mkdir(parents=True, exist_ok=True)
    build_volume_table(volumes).to_csv(asked.output / "inspection.csv", index=False)
    draw_inspection(volumes, asked.output / "inspection.png")
    _print_findings(volumes, asked)
    if suspicious := [volume for volume in volumes if volume.suspicions]:
        share = f"{len(suspicious)} of {len(volumes)} volumes"
        raise FlmrcmError(f"{share} are suspicious: {count_kinds(suspicious)}.")


def parse_options(words: Sequence[str]) -> InspectOptions:
    """Return what was typed: one folder, bare or as `path=`, and `key=value` words.

    Raises:
        ConfigErrors: all that's wrong with the words.
    """
    folders: list[str] = []
    given: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        # a folder's name may hold '=' too: only what looks like a key is one
        is_key = equals and key.isidentifier()
        if not is_key or key == "path":
            folders.append(value if is_key else word)
        else:
            given[key] = value
    if problems := _find_problems(folders, given):
        raise ConfigErrors(problems)
    path = Path(folders[0]).expanduser()
    output = Path(given.get("output") or f"inspection_{path.absolute().name}").expanduser()
    if output.resolve().is_relative_to(path.resolve()):
        raise ConfigErrors([f"output={output}: lies in the data folder; give one elsewhere."])
    return InspectOptions(
        path, output, given.get("quick") == "true", int(given.get("workers", "0"))
    )


def _find_problems(folders: Sequence[str], given: Mapping[str, str]) -> list[str]:
    problems = [
        f"{key}: no such key.{suggest_nearest(key, _INSPECT_KEYS)}"
        for key in given
        if key not in _INSPECT_KEYS
    ]
    if len(folders) != 1:
        problems.append(f"path: give one folder; got {', '.join(folders) or 'none'}.")
    if "quick" in given:
        problems += check_choice("quick", given["quick"], ("true", "false"))
    if not given.get("workers", "1").isdecimal() or given.get("workers") == "0":
        problems.append(f"workers={given['workers']}: a number of processes, 1 or more.")
    return problems


def _examine(places: Sequence[VolumePlace], asked: InspectOptions) -> list[VolumeFacts]:
    most = min(os.cpu_count() or 1, 1 + len(places) // _VOLUMES_PER_WORKER)
    found = examine_all(places, asked.quick, asked.workers or most)
    console = Console(stderr=True)
    hidden = not console.is_terminal
    return list(track(found, "reading", len(places), console=console, disable=hidden))


def _print_findings(volumes: Sequence[InspectedVolume], asked: InspectOptions) -> None:
    console = Console(highlight=False)
    console.print(build_summary_table(volumes))
    unknown = sum(not volume.facts.provenance.patient_id for volume in volumes)
    if unknown:
        console.print(
            f"without patient_id: {unknown} of {len(volumes)} volumes; whether their people are in "
            "two splits can't be told."
        )
    if asked.quick:
        console.print("quick: 3 slices of each volume were read; the others may hold anything.")
    if any(volume.suspicions for volume in volumes):
        console.print(build_suspicion_table(volumes))
    else:
        console.print("Nothing is suspicious.")
    written = f"written to {asked.output}: inspection.csv, inspection.png"
    console.print(written, soft_wrap=True, markup=False)
