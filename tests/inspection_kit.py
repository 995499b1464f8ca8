"""A folder's volumes as inspection sees them."""

from pathlib import Path

from flmrcm.inspection.facts import examine
from flmrcm.inspection.places import find_places
from flmrcm.inspection.suspicions import suspicions
from flmrcm.inspection.tables import Inspected


def inspected(folder: Path) -> list[Inspected]:
    facts = [examine(place) for place in find_places(folder)]
    return [Inspected(*pair) for pair in zip(facts, suspicions(facts), strict=True)]
