"""The volumes of a folder with their facts and suspicions."""

from pathlib import Path

from flmrcm.inspection.result_tables import InspectedVolume
from flmrcm.inspection.suspicions import find_suspicions
from flmrcm.inspection.volume_facts import examine
from flmrcm.inspection.volume_places import find_volume_places


def inspect_folder(folder: Path) -> list[InspectedVolume]:
    facts = [examine(place) for place in find_volume_places(folder)]
    return [InspectedVolume(*pair) for pair in zip(facts, find_suspicions(facts), strict=True)]
